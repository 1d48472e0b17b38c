// For tests: what paths mean, written as plainly as possible over arrays of events.
import type { Filter } from "#schemas/query/filter.ts";
import type { PathEdge, PathNode } from "#schemas/query/paths.ts";
import type { ReferenceEvent } from "./naive-reference.ts";
import type { PathsRequest } from "../events/paths/request.ts";
import type { PathGraph } from "../events/paths/shape.ts";

export interface PathsData {
  /** `user` is the person. */
  readonly events: readonly ReferenceEvent[];
  matches(event: ReferenceEvent, filters: readonly Filter[]): boolean;
}

const compare = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left), Buffer.from(right));

export function expectedPaths(data: PathsData, request: PathsRequest): PathGraph {
  const paths = allPaths(data, request);
  const end = request.direction === "next" ? "$end" : "$start";
  const nodes = new Map<string, PathNode>();
  const walks = paths.map((path) => (path.length <= request.steps ? [...path, end] : path));
  for (const walk of walks) {
    walk.forEach((event, step) => {
      const key = `${step}/${event}`;
      nodes.set(key, { step, event, count: (nodes.get(key)?.count ?? 0) + 1 });
    });
  }
  const order = (left: PathNode, right: PathNode): number =>
    right.count - left.count || left.step - right.step || compare(left.event, right.event);
  const named = [...nodes.values()].filter(({ event }) => event !== end).sort(order);
  const kept = named.slice(0, request.nodeLimit).map(({ step, event }) => `${step}/${event}`);
  const labelled = walks.map((walk) =>
    walk.map((event, step) => (event === end || kept.includes(`${step}/${event}`) ? event : "$other")),
  );
  return {
    nodes: countAll(
      labelled.flatMap((walk) => walk.map((event, step) => ({ step, event }))),
      order,
    ),
    edges: expectedEdges(labelled, request.edgeLimit),
    paths_total: paths.length,
  };
}

/** Names from the anchor on. */
function allPaths(data: PathsData, request: PathsRequest): string[][] {
  const isAnchor = (event: ReferenceEvent): boolean =>
    (request.anchor.event === null || request.anchor.event === event.event) &&
    data.matches(event, request.anchor.filters);
  const inRange = data.events.filter(
    (event) =>
      event.timestampMs >= request.fromMs &&
      event.timestampMs < request.endMs &&
      data.matches(event, request.filters),
  );
  return [...Map.groupBy(inRange, (event) => event.user).values()].flatMap((events) => {
    events.sort(
      (left, right) =>
        left.timestampMs - right.timestampMs ||
        compare(left.event, right.event) ||
        Number(data.matches(right, request.anchor.filters)) -
          Number(data.matches(left, request.anchor.filters)),
    );
    const anchors = events.filter(isAnchor);
    return (request.occurrence === "first" ? anchors.slice(0, 1) : anchors).map((anchor) => {
      const at = events.indexOf(anchor);
      const others = request.direction === "next" ? events.slice(at + 1) : events.slice(0, at).reverse();
      const path = [anchor.event];
      for (const { event, timestampMs } of others) {
        const isStep = request.include?.has(event) !== false && !request.exclude.has(event);
        const elapsedMs = Math.abs(timestampMs - anchor.timestampMs);
        const repeats = request.collapseRepeats && event === path.at(-1);
        if (isStep && !repeats && elapsedMs <= (request.withinMs ?? Infinity)) path.push(event);
      }
      return path.slice(0, request.steps + 1);
    });
  });
}

function expectedEdges(walks: readonly string[][], limit: number): PathEdge[] {
  const order = (left: PathEdge, right: PathEdge): number =>
    right.count - left.count ||
    left.step - right.step ||
    compare(left.from, right.from) ||
    compare(left.to, right.to);
  const all = countAll(
    walks.flatMap((walk) => walk.slice(1).map((to, step) => ({ step, from: walk[step] as string, to }))),
    order,
  );
  const isRest = (edge: PathEdge): boolean => edge.from === "$other" && edge.to === "$other";
  const ranked = all.filter((edge) => !isRest(edge)).sort(order);
  const rest = [...all.filter(isRest), ...ranked.slice(limit)].flatMap(({ step, count }) =>
    Array.from({ length: count }, () => ({ step, from: "$other", to: "$other" })),
  );
  return [...ranked.slice(0, limit), ...countAll(rest, order)].sort(
    (left, right) => left.step - right.step || order(left, right),
  );
}

/** Equal items as one with their number, by step, then in `order`. */
function countAll<T extends { step: number }>(
  items: readonly T[],
  order: (left: T & { count: number }, right: T & { count: number }) => number,
): (T & { count: number })[] {
  return [...Map.groupBy(items, (item) => JSON.stringify(item)).values()]
    .map((group) => ({ ...(group[0] as T), count: group.length }))
    .sort((left, right) => left.step - right.step || order(left, right));
}
