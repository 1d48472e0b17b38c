// svc.query.insight_result: the answer of a saved query, over its own range or the one asked for.
import { MillraceError } from "#schemas/errors.ts";
import type { Meta } from "#schemas/query/meta.ts";
import type { Call } from "#streams/services.ts";
import type { QueryContext } from "../query-context.ts";
import { applyRange, type AskedRange } from "./apply-range.ts";
import { savableKinds } from "./kinds.ts";
import { loadInsights, type LoadedInsight } from "./load-insights.ts";
import { insideResult } from "./problems.ts";
import { readResultParameters } from "./read-result-parameters.ts";

export async function insightResult(context: QueryContext, payload: Uint8Array, call: Call): Promise<object> {
  const { id, asked } = readResultParameters(payload);
  const insight = (await loadInsights(context.postgres, call.projectId, [id])).get(id);
  if (insight === undefined) throw new MillraceError("INSIGHT_NOT_FOUND");
  const { name, kind } = insight;
  return { insight: { id, name, kind }, ...(await answerInsight(context, insight, asked, Date.now(), call)) };
}

/** Throws what its kind of query throws, with paths inside `query`, or INVALID_PARAMETER. */
export async function answerInsight(
  context: QueryContext,
  insight: LoadedInsight,
  asked: AskedRange,
  nowMs: number,
  call: Call,
): Promise<{ readonly meta: Meta }> {
  return insideResult(asked, async () =>
    savableKinds[insight.kind].answer(context, applyRange(insight, asked, nowMs), call),
  );
}
