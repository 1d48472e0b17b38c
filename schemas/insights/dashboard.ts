// /v1/dashboards: several insights that are looked at together, answered in one round trip.
import { Type, type Static } from "@sinclair/typebox";
import { Meta } from "../query/meta.ts";
import { oneOf } from "../query/one-of.ts";
import { insightKinds, insightLimits } from "./insight.ts";

const strict = { additionalProperties: false } as const;

export const dashboardLimits = {
  /** Of one project. */
  dashboardsMax: 500,
  tilesMax: 50,
  /** Tiles of one dashboard that are answered at once. */
  tilesAtOnceMax: 4,
} as const;

const Name = Type.String({ minLength: 1, maxLength: insightLimits.nameLengthMax });
const InsightId = Type.String({ minLength: 1, maxLength: insightLimits.idLengthMax });
const Time = Type.String({ format: "date-time" });

export const DashboardTile = Type.Object({ insight_id: InsightId, title: Type.Optional(Name) }, strict);
export type DashboardTile = Static<typeof DashboardTile>;

export const NewDashboard = Type.Object(
  {
    name: Name,
    insights: Type.Optional(
      Type.Array(InsightId, {
        maxItems: dashboardLimits.tilesMax,
        description: "Ids; short for `tiles` without titles. One of both is required.",
      }),
    ),
    tiles: Type.Optional(Type.Array(DashboardTile, { maxItems: dashboardLimits.tilesMax })),
  },
  { ...strict, $id: "NewDashboard" },
);
export type NewDashboard = Static<typeof NewDashboard>;

export const Dashboard = Type.Object(
  {
    id: Type.String(),
    name: Name,
    tiles: Type.Array(DashboardTile),
    created_at: Time,
    updated_at: Time,
  },
  { $id: "Dashboard" },
);
export type Dashboard = Static<typeof Dashboard>;

export const DashboardTileResult = Type.Object({
  insight_id: Type.String(),
  title: Type.Optional(Name),
  name: Type.Optional(Name),
  kind: Type.Optional(oneOf(insightKinds)),
  result: Type.Optional(Type.Unknown({ description: "What POST /v1/query/<kind> answers." })),
  error: Type.Optional(
    Type.Object(
      { code: Type.String(), message: Type.String() },
      { description: "Instead of `result`: the other tiles are answered all the same." },
    ),
  ),
});
export type DashboardTileResult = Static<typeof DashboardTileResult>;

export const DashboardResult = Type.Object(
  {
    id: Type.String(),
    name: Name,
    tiles: Type.Array(DashboardTileResult),
    meta: Type.Object({
      as_of: Type.Union([Type.String(), Type.Null()], {
        description:
          "Everything acknowledged up to this instant is in every tile; null while it cannot be known.",
      }),
      elapsed_ms: Meta.properties.elapsed_ms,
    }),
  },
  { $id: "DashboardResult" },
);
