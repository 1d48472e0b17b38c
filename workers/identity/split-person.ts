// Takes ids out of a person. Joins are the edges of a tree whose nodes are ids; to separate an id is to cut the edge
// next to it on the way to the person, so what had been joined to that id earlier stays with it. Pure.

export interface JoinEdge {
  readonly id: string;
  readonly joined: number;
  readonly into: number;
}

export interface Split {
  readonly cut: readonly JoinEdge[];
  /** The person of every id of the tree afterwards. */
  readonly persons: ReadonlyMap<number, number>;
}

interface Tree {
  readonly parents: ReadonlyMap<number, { readonly parent: number; readonly edge: JoinEdge }>;
  /** All ids, each after its parent. */
  readonly order: readonly number[];
}

/**
 * Separates each group of numbers (the numbers of one id) from the number `from`. Numbers of a group that are joined
 * to each other stay together. The part that holds `person` keeps that number; every other part is named by the id
 * that was separated, or by `from`. Groups that do not belong to the tree, or hold `from`, change nothing.
 */
export function separate(options: {
  edges: readonly JoinEdge[];
  person: number;
  from: number;
  groups: readonly (readonly number[])[];
}): Split {
  const tree = buildTree(options.edges, options.from);
  const cut = new Set<JoinEdge>();
  for (const group of options.groups) {
    if (group.includes(options.from)) continue;
    for (const number of group) {
      const above = tree.parents.get(number);
      if (above !== undefined && !group.includes(above.parent)) cut.add(above.edge);
    }
  }
  return nameParts(tree, cut, options.person);
}

/** Undoes one join; the part that holds `person` keeps that number, the other is named by the id next to the cut. */
export function undoJoin(options: { edges: readonly JoinEdge[]; person: number; edge: JoinEdge }): Split {
  const tree = buildTree(options.edges, options.person);
  return nameParts(tree, new Set([options.edge]), options.person);
}

/** Every id becomes a person of its own. */
export function separateAll(edges: readonly JoinEdge[], person: number): Split {
  return nameParts(buildTree(edges, person), new Set(edges), person);
}

function buildTree(edges: readonly JoinEdge[], root: number): Tree {
  const neighbours = new Map<number, { to: number; edge: JoinEdge }[]>();
  const link = (from: number, to: number, edge: JoinEdge): void => {
    const list = neighbours.get(from) ?? [];
    list.push({ to, edge });
    neighbours.set(from, list);
  };
  for (const edge of edges) {
    link(edge.joined, edge.into, edge);
    link(edge.into, edge.joined, edge);
  }
  const parents = new Map<number, { parent: number; edge: JoinEdge }>();
  const order = [root];
  // The list grows while it is walked: breadth first.
  for (const number of order) {
    for (const { to, edge } of neighbours.get(number) ?? []) {
      if (to === root || parents.has(to)) continue;
      parents.set(to, { parent: number, edge });
      order.push(to);
    }
  }
  return { parents, order };
}

function nameParts(tree: Tree, cut: ReadonlySet<JoinEdge>, person: number): Split {
  const tops = new Map<number, number>();
  for (const number of tree.order) {
    const above = tree.parents.get(number);
    const isTop = above === undefined || cut.has(above.edge);
    tops.set(number, isTop ? number : (tops.get(above.parent) as number));
  }
  const kept = tops.get(person);
  const persons = new Map([...tops].map(([number, top]) => [number, top === kept ? person : top]));
  return { cut: [...cut], persons };
}
