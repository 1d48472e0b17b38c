// Paths from a sample: where each person has one path, every count is one of people.
import type { PathsRequest } from "../events/paths/request.ts";
import type { PathGraph } from "../events/paths/shape.ts";
import type { Sampling } from "./answer-sampled.ts";

export const pathsSampling: Sampling<PathsRequest, PathGraph> = {
  kind: "paths",
  counts: new Set(["count", "paths_total"]),
  rowsOf({ occurrence, anchor, include, exclude, fromMs, endMs }) {
    if (occurrence !== "first") return undefined;
    const steps = include === undefined ? undefined : [...include].filter((name) => !exclude.has(name));
    const events =
      steps === undefined || anchor.event === null ? undefined : [...new Set([...steps, anchor.event])];
    return { events, fromMs, endMs };
  },
};
