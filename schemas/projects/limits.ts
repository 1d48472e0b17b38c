// What a project may use: events a second at the edge, and what its queries may cost the query tier.
import { Type, type Static } from "@sinclair/typebox";

const orDefault = (schema: ReturnType<typeof Type.Integer>) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

/** The body of PUT: what is absent or null goes back to its default. */
export const ProjectLimitsChange = Type.Object(
  {
    events_per_second_max: orDefault(
      Type.Integer({ minimum: 1, description: "Events that the edge takes a second. Default: no limit." }),
    ),
    events_per_day_max: orDefault(
      Type.Integer({
        minimum: 1,
        description: "Events that the log takes in a day (UTC). Default: no limit.",
      }),
    ),
    events_per_month_max: orDefault(
      Type.Integer({
        minimum: 1,
        description: "Events that the log takes in a calendar month (UTC). Default: no limit.",
      }),
    ),
    memory_bytes_max: orDefault(
      Type.Integer({
        minimum: 16_000_000,
        maximum: 1_000_000_000_000,
        description: "Memory of one statement of a query in the analytics store. Default 1.5 GB.",
      }),
    ),
    rows_read_max: orDefault(
      Type.Integer({
        minimum: 1_000,
        maximum: 1_000_000_000_000,
        description: "Rows that one statement of a query reads. Default 5 billion.",
      }),
    ),
    rows_exact_max: orDefault(
      Type.Integer({
        minimum: 1_000,
        maximum: 1_000_000_000_000,
        description:
          "Rows up to which a query is answered exactly and not from a sample. Default 100 million.",
      }),
    ),
    seconds_max: orDefault(
      Type.Integer({
        minimum: 1,
        maximum: 55,
        description: "Time of one query, waiting for its turn not counted. Default 30 s.",
      }),
    ),
    queries_at_once_max: orDefault(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        description:
          "Queries that one process of the query tier works on at once; further ones wait for their turn. Default 16.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type ProjectLimitsChange = Static<typeof ProjectLimitsChange>;

export const ProjectLimits = Type.Object({
  events_per_second_max: Type.Union([Type.Integer(), Type.Null()], { description: "Null: no limit." }),
  events_per_day_max: Type.Union([Type.Integer(), Type.Null()], { description: "Null: no limit." }),
  events_per_month_max: Type.Union([Type.Integer(), Type.Null()], { description: "Null: no limit." }),
  memory_bytes_max: Type.Integer(),
  rows_read_max: Type.Integer(),
  rows_exact_max: Type.Integer(),
  seconds_max: Type.Integer(),
  queries_at_once_max: Type.Integer(),
});
export type ProjectLimits = Static<typeof ProjectLimits>;

export const projectLimitsDefault: ProjectLimits = {
  events_per_second_max: null,
  events_per_day_max: null,
  events_per_month_max: null,
  memory_bytes_max: 1_500_000_000,
  rows_read_max: 5_000_000_000,
  rows_exact_max: 100_000_000,
  seconds_max: 30,
  queries_at_once_max: 16,
};

/** From what is kept (only what differs from the defaults) to what holds. */
export function limitsInForce(kept: Readonly<Record<string, unknown>> | null | undefined): ProjectLimits {
  const known = Object.keys(projectLimitsDefault) as (keyof ProjectLimits)[];
  const given = known.flatMap((name) => (typeof kept?.[name] === "number" ? [[name, kept[name]]] : []));
  return { ...projectLimitsDefault, ...(Object.fromEntries(given) as Partial<ProjectLimits>) };
}
