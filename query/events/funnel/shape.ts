// Numbers of steps and intervals as the answer says them.
import type { FunnelAnswerStep, FunnelTrendBucket } from "#schemas/query/funnel.ts";
import type { Buckets } from "../../time/buckets.ts";
import type { FunnelOutcome } from "./kernel/funnel-rows.ts";
import type { FunnelRequest } from "./request.ts";
import type { StepSummary } from "./summarize-step.ts";

export function shapeSteps(
  steps: FunnelRequest["steps"],
  summaries: readonly StepSummary[],
): FunnelAnswerStep[] {
  const first = summaries[0]?.count ?? 0;
  return summaries.map(({ count, avgMs, medianMs }, index) => ({
    label: steps[index]?.label ?? "",
    count,
    rate_total: rate(count, first),
    rate_step: rate(count, index === 0 ? first : (summaries[index - 1]?.count ?? 0)),
    avg_seconds: seconds(avgMs),
    median_seconds: seconds(medianMs),
  }));
}

/** A share of nobody is 0. */
function rate(count: number, of: number): number {
  return of === 0 ? 0 : count / of;
}

export function seconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1000;
}

/** Every interval of the range, with or without attempts. */
export function shapeTrend(buckets: Buckets, outcomes: readonly FunnelOutcome[]): FunnelTrendBucket[] {
  const sum = (kind: "entered" | "converted", bucket: number): number =>
    outcomes.reduce((total, { trend }) => total + (trend?.[kind][bucket] ?? 0), 0);
  return buckets.startsMs.map((start, bucket) => ({
    bucket: new Date(start).toISOString(),
    entered: sum("entered", bucket),
    converted: sum("converted", bucket),
  }));
}
