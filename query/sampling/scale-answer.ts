// From an answer about the people of a sample to one about everybody: every count is scaled, and its bounds are said
// in an object of the same shape.
import type { Bounds, CountBounds } from "./bounds.ts";

/** `steps[0].count` of the answer lies within `steps[0].count` of this. */
export type BoundsOf = { readonly [member: string]: BoundsNode };
export type BoundsNode = Bounds | BoundsOf | readonly BoundsNode[];

export interface Scaled<Answer> {
  readonly answer: Answer;
  readonly bounds: BoundsOf;
  /** The largest count of people in the sample. */
  readonly users: number;
}

/** `counts` names the members that count people, as numbers or lists of numbers; negative ones count who left. */
export function scaleAnswer<Answer extends object>(
  answer: Answer,
  counts: ReadonlySet<string>,
  scale: CountBounds,
): Scaled<Answer> {
  let users = 0;

  const scaleCount = (count: number): number => {
    users = Math.max(users, Math.abs(count));
    return count < 0 ? -scale.estimate(-count) : scale.estimate(count);
  };
  const boundCount = (count: number): Bounds => {
    if (count >= 0) return scale.bounds(count);
    const [low, high] = scale.bounds(-count);
    return [-high, -low];
  };

  const scaleNode = (node: unknown, counted: boolean): unknown => {
    if (typeof node === "number") return counted ? scaleCount(node) : node;
    if (Array.isArray(node)) return node.map((each) => scaleNode(each, counted));
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([name, member]) => [name, scaleNode(member, counts.has(name))]),
    );
  };
  const boundNode = (node: unknown, counted: boolean): BoundsNode | undefined => {
    if (typeof node === "number") return counted ? boundCount(node) : undefined;
    if (Array.isArray(node)) {
      const bounds = node.map((each) => boundNode(each, counted));
      // All or none of a list has counts.
      return bounds.some((each) => each === undefined) || bounds.length === 0
        ? undefined
        : (bounds as BoundsNode[]);
    }
    if (typeof node !== "object" || node === null) return undefined;
    const members = Object.entries(node).flatMap(([name, member]) => {
      const bounds = boundNode(member, counts.has(name));
      return bounds === undefined ? [] : [[name, bounds] as const];
    });
    return members.length === 0 ? undefined : Object.fromEntries(members);
  };

  return {
    answer: scaleNode(answer, false) as Answer,
    bounds: (boundNode(answer, false) ?? {}) as BoundsOf,
    users,
  };
}
