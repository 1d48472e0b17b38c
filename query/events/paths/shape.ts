// Transitions as the graph of the answer, within its limits: what is beyond them is $other, so that the counts of a
// step still add up.
import { pathEnd, pathStart, type PathEdge, type PathNode } from "#schemas/query/paths.ts";
import { breakdownOther } from "#schemas/query/trends.ts";
import type { Transition } from "./transition-counts.ts";

export interface ShapeOptions {
  readonly names: readonly string[];
  readonly direction: "next" | "previous";
  readonly nodeLimit: number;
  readonly edgeLimit: number;
}

export interface PathGraph {
  nodes: PathNode[];
  edges: PathEdge[];
  paths_total: number;
}

export function shapePaths(transitions: Iterable<Transition>, options: ShapeOptions): PathGraph {
  const { names, nodeLimit, edgeLimit } = options;
  const end = options.direction === "next" ? pathEnd : pathStart;
  const named = [...transitions].map(({ step, from, to, count }): PathEdge => ({
    step,
    from: names[from] as string,
    to: to === undefined ? end : (names[to] as string),
    count,
  }));
  const nodes = countNodes(named);
  // Ends are no events, and none is left out: they show how many are lost.
  const kept = new Set(
    [...nodes.values()]
      .filter(({ event }) => event !== end)
      .sort(byCount)
      .slice(0, nodeLimit)
      .map(({ step, event }) => keyOf(step, event)),
  );
  const label = (step: number, event: string): string =>
    event === end || kept.has(keyOf(step, event)) ? event : breakdownOther;
  const edges = limitEdges(
    sumEdges(
      named.map((edge) => ({
        ...edge,
        from: label(edge.step, edge.from),
        to: label(edge.step + 1, edge.to),
      })),
    ),
    edgeLimit,
  );
  const labelled = new Map<string, PathNode>();
  for (const { step, event, count } of nodes.values()) addNode(labelled, step, label(step, event), count);
  const sorted = [...labelled.values()].sort((left, right) => left.step - right.step || byCount(left, right));
  const total = sorted.filter(({ step }) => step === 0).reduce((sum, { count }) => sum + count, 0);
  return { nodes: sorted, edges, paths_total: total };
}

/** Of step 0 what leaves them, of the others what arrives. */
function countNodes(edges: readonly PathEdge[]): Map<string, PathNode> {
  const nodes = new Map<string, PathNode>();
  for (const { step, from, to, count } of edges) {
    if (step === 0) addNode(nodes, 0, from, count);
    addNode(nodes, step + 1, to, count);
  }
  return nodes;
}

function addNode(nodes: Map<string, PathNode>, step: number, event: string, count: number): void {
  const key = keyOf(step, event);
  nodes.set(key, { step, event, count: (nodes.get(key)?.count ?? 0) + count });
}

function sumEdges(edges: readonly PathEdge[]): PathEdge[] {
  const sums = new Map<string, PathEdge>();
  for (const edge of edges) {
    const key = JSON.stringify([edge.step, edge.from, edge.to]);
    sums.set(key, { ...edge, count: (sums.get(key)?.count ?? 0) + edge.count });
  }
  return [...sums.values()];
}

function limitEdges(edges: readonly PathEdge[], limit: number): PathEdge[] {
  const isRest = ({ from, to }: PathEdge): boolean => from === breakdownOther && to === breakdownOther;
  const ranked = edges.filter((edge) => !isRest(edge)).sort(edgesByCount);
  const rest = [...edges.filter(isRest), ...ranked.slice(limit)].map((edge) => ({
    ...edge,
    from: breakdownOther,
    to: breakdownOther,
  }));
  return [...ranked.slice(0, limit), ...sumEdges(rest)].sort(
    (left, right) => left.step - right.step || edgesByCount(left, right),
  );
}

function keyOf(step: number, event: string): string {
  return `${step} ${event}`;
}

/** Highest first; ties by step, then by name. */
function byCount(left: PathNode, right: PathNode): number {
  return right.count - left.count || left.step - right.step || compareText(left.event, right.event);
}

function edgesByCount(left: PathEdge, right: PathEdge): number {
  return (
    right.count - left.count ||
    left.step - right.step ||
    compareText(left.from, right.from) ||
    compareText(left.to, right.to)
  );
}

function compareText(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
