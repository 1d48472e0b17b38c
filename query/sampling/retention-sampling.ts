// Retention from a sample, where people's events are counted one by one (`min_occurrences`). Everything else of it
// comes from sets that are kept, or from conditions on events, whose rows are not sorted by people.
import type { RetentionAnswer } from "#schemas/query/retention.ts";
import type { RetentionRequest } from "../events/retention/request.ts";
import { tableOf } from "../sql/filters.ts";
import type { Sampling } from "./answer-sampled.ts";

export const retentionSampling: Sampling<
  RetentionRequest,
  Pick<RetentionAnswer, "cohorts" | "breakdowns">
> = {
  kind: "retention",
  counts: new Set(["size", "returned"]),
  rowsOf({ returning, target, occurrencesMin, breakdown, buckets, endMs }) {
    const ofEvents = breakdown !== undefined && "property" in breakdown && breakdown.on === "event";
    const counted = occurrencesMin > 1 && tableOf([...returning.filters, ...target.filters]) === "steps";
    if (!counted || ofEvents) return undefined;
    const events = returning.event === null ? undefined : [returning.event];
    return { events, fromMs: buckets.startsMs[0] as number, endMs };
  },
};
