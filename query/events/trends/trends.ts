// svc.query.trends: the body of POST /v1/query/trends to its answer.
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "../../parse-body.ts";
import type { QueryContext } from "../../query-context.ts";
import { answerTrends } from "./answer.ts";
import { readTrendsRequest } from "./request.ts";

export async function trends(context: QueryContext, payload: Uint8Array, call: Call): Promise<TrendsAnswer> {
  const startedMs = performance.now();
  const request = readTrendsRequest(parseBody(payload), Date.now());
  const asOf = await context.watermark.asOf();
  const result = await answerTrends(request, {
    store: context.store,
    projectId: call.projectId,
    signal: call.signal,
  });
  return {
    series: result.series,
    meta: {
      as_of: asOf,
      elapsed_ms: Math.round((performance.now() - startedMs) * 10) / 10,
      source: result.sources.join("+"),
      rows_read: result.rowsRead,
      cache: "none",
      exact: result.exact,
    },
    ...(result.explain === undefined ? {} : { explain: result.explain }),
  };
}
