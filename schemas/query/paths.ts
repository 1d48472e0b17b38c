// POST /v1/query/paths: what people did next, or before, as a weighted graph.
import { Type, type Static } from "@sinclair/typebox";
import { EventSelection } from "./event-selection.ts";
import { queryLimits } from "./limits.ts";
import { Meta } from "./meta.ts";
import { oneOf } from "./one-of.ts";
import { rangeFields } from "./range.ts";

const strict = { additionalProperties: false } as const;

const Names = Type.Array(Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax }), {
  minItems: 1,
  maxItems: queryLimits.filterValuesMax,
});

export const PathsQuery = Type.Object(
  {
    ...rangeFields,
    anchor: Type.Optional(EventSelection),
    direction: Type.Optional(oneOf(["next", "previous"], "Which way from the anchor. Default next.")),
    steps: Type.Optional(
      Type.Integer({ minimum: 1, maximum: queryLimits.pathStepsMax, description: "Default 3." }),
    ),
    include: Type.Optional({ ...Names, description: "Only these events are steps; default: all." }),
    exclude: Type.Optional({ ...Names, description: "These events are no steps." }),
    within_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: queryLimits.pathSecondsMax,
        description: "Steps at most so long after (before) the anchor; default: anywhere in the range.",
      }),
    ),
    collapse_repeats: Type.Optional(
      Type.Boolean({ description: "A step with the name of the one before it is skipped. Default false." }),
    ),
    occurrence: Type.Optional(
      oneOf(
        ["first", "every"],
        "`first`: one path a person, from the first anchor in the range. `every`: one from each. Default first.",
      ),
    ),
    node_limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: queryLimits.pathNodesMax,
        description:
          "Nodes with the highest counts are named, the others of each step are $other. Default 50.",
      }),
    ),
    edge_limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: queryLimits.pathEdgesMax,
        description:
          "Edges with the highest counts are answered, the others of each step are added to its edge from $other " +
          "to $other. Default 100.",
      }),
    ),
  },
  { ...strict, $id: "PathsQuery" },
);
export type PathsQuery = Static<typeof PathsQuery>;

/** Where a path ends before its last step: nothing more came, or nothing was before. */
export const pathEnd = "$end";
export const pathStart = "$start";

const Step = Type.Integer({ minimum: 0, description: "Steps from the anchor, which is 0." });
const Count = Type.Integer({ minimum: 0 });

export const PathNode = Type.Object({
  step: Step,
  event: Type.String({ description: "A name, $other, or $end ($start with `previous`)." }),
  count: Count,
});
export type PathNode = Static<typeof PathNode>;

export const PathEdge = Type.Object({
  step: Step,
  from: Type.String({ description: "The node at `step`." }),
  to: Type.String({ description: "The node one step further from the anchor." }),
  count: Count,
});
export type PathEdge = Static<typeof PathEdge>;

export const PathsAnswer = Type.Object(
  {
    nodes: Type.Array(PathNode),
    edges: Type.Array(PathEdge),
    paths_total: Type.Integer({ minimum: 0, description: "Paths: people, or anchors with `every`." }),
    meta: Meta,
    explain: Type.Optional(Type.Unknown()),
  },
  { $id: "PathsAnswer" },
);
export type PathsAnswer = Static<typeof PathsAnswer>;
