// /v1/insights: queries that were given a name, to be answered again and again over a range that moves on.
import { Type, type Static } from "@sinclair/typebox";
import { FunnelQuery } from "../query/funnel.ts";
import { LifecycleQuery } from "../query/lifecycle.ts";
import { Meta } from "../query/meta.ts";
import { oneOf } from "../query/one-of.ts";
import { PathsQuery } from "../query/paths.ts";
import { RetentionQuery } from "../query/retention.ts";
import { StickinessQuery } from "../query/stickiness.ts";
import { TrendsQuery } from "../query/trends.ts";
import type { KeptFunnel } from "./funnel-days.ts";

const strict = { additionalProperties: false } as const;

export const insightLimits = {
  nameLengthMax: 200,
  descriptionLengthMax: 2_000,
  /** Of one project. */
  insightsMax: 2_000,
  rangeDaysMax: 3_660,
  idLengthMax: 100,
} as const;

export const insightKinds = ["trends", "funnel", "retention", "stickiness", "lifecycle", "paths"] as const;
export type InsightKind = (typeof insightKinds)[number];

export const InsightRange = Type.Object(
  { days: Type.Integer({ minimum: 1, maximum: insightLimits.rangeDaysMax }) },
  {
    ...strict,
    description:
      "Answer the last so many days, today included, in the query's time zone; not beside `from` or `to` of the " +
      "query. A retention without `periods` gets as many as fit.",
  },
);
export type InsightRange = Static<typeof InsightRange>;

const Name = Type.String({ minLength: 1, maxLength: insightLimits.nameLengthMax });
const Description = Type.String({ maxLength: insightLimits.descriptionLengthMax });
const Time = Type.String({ format: "date-time" });

/** What a request says beside the query, which is checked by its own kind's contract. */
const ownFields = {
  name: Name,
  kind: oneOf(insightKinds),
  description: Type.Optional(Description),
  range: Type.Optional(InsightRange),
};

export const InsightShape = Type.Object(
  { ...ownFields, query: Type.Record(Type.String(), Type.Unknown()) },
  strict,
);
export type InsightShape = Static<typeof InsightShape>;

const anyQuery = Type.Union(
  [TrendsQuery, FunnelQuery, RetentionQuery, StickinessQuery, LifecycleQuery, PathsQuery],
  { description: "What POST /v1/query/<kind> takes." },
);

export const NewInsight = Type.Object({ ...ownFields, query: anyQuery }, { ...strict, $id: "NewInsight" });

export const Insight = Type.Object(
  {
    id: Type.String(),
    name: Name,
    description: Type.Union([Description, Type.Null()]),
    kind: oneOf(insightKinds),
    query: anyQuery,
    range: Type.Union([InsightRange, Type.Null()]),
    created_at: Time,
    updated_at: Time,
  },
  { $id: "Insight" },
);

/** As services pass it on. */
export interface SavedInsight {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly kind: InsightKind;
  readonly query: Readonly<Record<string, unknown>>;
  readonly range: InsightRange | null;
  readonly created_at: string;
  readonly updated_at: string;
}

const edge = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 64, description }));

/** Parameters of a result: instead of the saved range and zone. */
export const resultFields = {
  from: edge("ISO 8601, a date, or epoch milliseconds; instead of the insight's range."),
  to: edge("The same; inclusive."),
  timezone: edge("IANA name, instead of the query's."),
};

export const ResultParameters = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: insightLimits.idLengthMax }), ...resultFields },
  strict,
);

export const InsightResult = Type.Object(
  {
    insight: Type.Object({ id: Type.String(), name: Type.String(), kind: oneOf(insightKinds) }),
    meta: Meta,
  },
  {
    $id: "InsightResult",
    additionalProperties: true,
    description: "What POST /v1/query/<kind> answers, and which insight it is.",
  },
);

/** What svc.query.check_insight answers for a query that can be saved. */
export interface CheckedInsight {
  /** Null: there is nothing of it to keep by day. */
  readonly funnel: KeptFunnel | null;
}
