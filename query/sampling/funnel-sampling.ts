// Funnels from a sample: people at each step, and the bounds of their rates.
import type { FunnelAnswer, FunnelAnswerStep } from "#schemas/query/funnel.ts";
import { eventsOf, rowsRange } from "../events/funnel/plan.ts";
import type { FunnelRequest } from "../events/funnel/request.ts";
import type { Sampling } from "./answer-sampled.ts";
import { boundShare, type Bounds } from "./bounds.ts";
import type { BoundsNode, BoundsOf } from "./scale-answer.ts";

type Answer = Omit<FunnelAnswer, "meta" | "explain">;

export const funnelSampling: Omit<Sampling<FunnelRequest, Answer>, "quick"> = {
  kind: "funnel",
  counts: new Set(["count", "entered", "converted"]),
  rowsOf: (request) => ({ events: eventsOf(request), ...rowsRange(request) }),
  moreBounds({ steps, breakdowns }, bounds) {
    const ofValues = bounds["breakdowns"] as readonly BoundsOf[] | undefined;
    return {
      ...bounds,
      steps: withRates(steps, bounds["steps"]),
      ...(breakdowns === undefined || ofValues === undefined
        ? {}
        : {
            breakdowns: breakdowns.map((each, index) => ({
              ...ofValues[index],
              steps: withRates(each.steps, ofValues[index]?.["steps"]),
            })),
          }),
    };
  },
};

/** Of the people who came to a step, those in the sample are drawn as at random; so are those who came further. */
function withRates(steps: readonly FunnelAnswerStep[], bounds: BoundsNode | undefined): readonly BoundsOf[] {
  const ofSteps = bounds as readonly BoundsOf[];
  const first = steps[0]?.count ?? 0;
  return steps.map(({ count }, index) => {
    if (index === 0) return ofSteps[0] as BoundsOf;
    const before = steps[index - 1]?.count ?? 0;
    const rates: Record<string, Bounds> = {
      rate_total: boundShare(count, first),
      rate_step: boundShare(count, before),
    };
    return { ...ofSteps[index], ...rates };
  });
}
