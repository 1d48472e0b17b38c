// Asks the query tier for an alert's trend, exactly and with whole buckets only.
import type { NatsConnection } from "@nats-io/transport-node";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { callService } from "#streams/call-service.ts";
import type { Series } from "./weeks.ts";

const queryMsMax = 30_000;

export interface ReadSeries {
  readonly series: Series;
  /** Everything accepted by then is included; undefined: not known. */
  readonly asOfMs: number | undefined;
}

/** Throws what the query throws. */
export async function readSeries(
  connection: NatsConnection,
  alert: { readonly projectId: number; readonly query: Readonly<Record<string, unknown>> },
  range: { readonly fromMs: number; readonly toMs: number },
  options: { readonly requestId: string; readonly signal: AbortSignal },
): Promise<ReadSeries> {
  const answer = (await callService(
    connection,
    "svc.query.trends",
    { ...alert.query, from: range.fromMs, to: range.toMs, accuracy: "exact" },
    { ...options, projectId: alert.projectId, timeoutMs: queryMsMax },
  )) as TrendsAnswer;
  // The formula's, or the only one.
  const line = answer.series.at(-1);
  if (line === undefined) throw new Error("alerts: the query tier answered no series");
  const startsMs = line.buckets.map((start) => Date.parse(start));
  // A bucket that begins before the range was counted from its middle.
  const skip = (startsMs[0] ?? 0) < range.fromMs ? 1 : 0;
  return {
    series: { startsMs: startsMs.slice(skip), values: line.values.slice(skip) },
    asOfMs: answer.meta.as_of === null ? undefined : Date.parse(answer.meta.as_of),
  };
}
