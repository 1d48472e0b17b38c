// Tracking plans: what the properties of an event must look like, and what becomes of events that differ.
import { Type, type Static } from "@sinclair/typebox";

export const planModes = ["observe", "quarantine", "reject"] as const;
export type PlanMode = (typeof planModes)[number];

export const planLimits = {
  /** Of the JSON Schema as text. */
  schemaBytesMax: 64 * 1024,
  /** Keywords and members, after references are followed. */
  nodesMax: 1_000,
  depthMax: 20,
  patternLengthMax: 200,
  /** Plans of one project. */
  plansMax: 1_000,
  /** Of all plans in force of a project, with their Avro: they are listed in one answer. */
  listBytesMax: 4 * 1024 * 1024,
  descriptionLengthMax: 2_000,
  /** Violations that are told of one event. */
  violationsMax: 10,
} as const;

const mode = Type.Union(
  planModes.map((each) => Type.Literal(each)),
  {
    description:
      "What becomes of an event that differs: it is only counted; kept aside until it is replayed; or refused at once.",
  },
);

const compatibility = Type.Union(
  (["backward", "forward", "full", "none"] as const).map((each) => Type.Literal(each)),
  {
    description:
      "What a new version must allow: readers of the new one read events of the one before (default), the other way round, both, or whatever.",
  },
);

export const NewPlan = Type.Object(
  {
    schema: Type.Record(Type.String(), Type.Unknown(), {
      description: "JSON Schema (draft 2020-12) of the event's `properties`.",
    }),
    mode: Type.Optional(mode),
    description: Type.Optional(Type.String({ maxLength: planLimits.descriptionLengthMax })),
    compatibility: Type.Optional(compatibility),
  },
  { additionalProperties: false },
);
export type NewPlan = Static<typeof NewPlan>;
export type Compatibility = Static<typeof compatibility>;

export const Plan = Type.Object({
  event: Type.String(),
  version: Type.Integer({ description: "Counts the schemas of the event, from 1." }),
  mode,
  schema: Type.Record(Type.String(), Type.Unknown()),
  avro: Type.Record(Type.String(), Type.Unknown(), { description: "The schema as an Avro record." }),
  description: Type.Union([Type.String(), Type.Null()]),
  compatibility,
  created_at: Type.String({ format: "date-time", description: "Of this version." }),
  updated_at: Type.String({ format: "date-time" }),
});
export type Plan = Static<typeof Plan>;

export const ViolationCounts = Type.Object({
  event: Type.String(),
  total: Type.Integer(),
  violations: Type.Array(
    Type.Object({
      day: Type.String({ description: "Of arrival, UTC." }),
      version: Type.Integer(),
      mode,
      path: Type.String(),
      rule: Type.String({ description: "The keyword of the schema that was broken." }),
      events: Type.Integer(),
    }),
  ),
});
export type ViolationCounts = Static<typeof ViolationCounts>;

/** A plan as those who check events get it. */
export interface ActivePlan {
  readonly projectId: number;
  readonly event: string;
  readonly version: number;
  readonly mode: PlanMode;
  /** JSON Schema as text: compiled where it is used, and remembered by it. */
  readonly schema: string;
}

/** All plans in force after a change; a batch says which revision it was checked with. */
export interface ActivePlans {
  readonly revision: number;
  readonly plans: readonly ActivePlan[];
}

/** One answer of `svc.plans.rejecting`: plans of mode reject, in parts. */
export interface RejectingPart {
  readonly revision: number;
  /** Undefined when the edge knows this revision. */
  readonly plans: readonly ActivePlan[] | undefined;
  /** Where the next part begins; undefined after the last. */
  readonly next: number | undefined;
}

/** Announces that plans were changed. */
export const plansChangedSubject = "plans.changed";
