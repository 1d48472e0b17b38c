// /v1/cohorts: named sets of people, by a rule that is evaluated again and again, or by a list of ids.
import { Type, type Static } from "@sinclair/typebox";
import { eventLimits } from "../events/event.ts";
import { oneOf } from "../query/one-of.ts";
import { CohortDefinition } from "./definition.ts";

const strict = { additionalProperties: false } as const;

export const cohortLimits = {
  nameLengthMax: 200,
  /** Of one project. */
  cohortsMax: 2_000,
  /** Ids of one request. */
  idsPerRequestMax: 100_000,
  /** Ids of one static cohort. */
  idsMax: 2_000_000,
  bodyBytesMax: 4 * 1024 * 1024,
  usersPerPageMax: 1_000,
  usersPerPageDefault: 100,
} as const;

const Name = Type.String({ minLength: 1, maxLength: cohortLimits.nameLengthMax });

const Id = Type.String({ minLength: 1, maxLength: eventLimits.idLengthMax });

const Ids = Type.Array(Id, {
  minItems: 1,
  maxItems: cohortLimits.idsPerRequestMax,
  description: "User ids or anonymous ids; those that are not known yet are found once they are.",
});

export const BehaviouralCohort = Type.Object({ name: Name, definition: CohortDefinition }, strict);
export const StaticCohort = Type.Object({ name: Name, ids: Ids }, strict);
export const CohortIds = Type.Object({ ids: Ids }, strict);

export const cohortStates = ["refreshing", "ready", "failed", "overdue"] as const;
export type CohortState = (typeof cohortStates)[number];

const Time = Type.Union([Type.String({ format: "date-time" }), Type.Null()]);

export const Cohort = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    type: oneOf(["behavioural", "static"]),
    size: Type.Union([Type.Integer(), Type.Null()], {
      description: "People at the last refresh; null before the first.",
    }),
    created_at: Type.String({ format: "date-time" }),
    refreshed_at: Type.Union([Type.String({ format: "date-time" }), Type.Null()], {
      description: "Everything that was stored before this instant is looked at.",
    }),
    state: oneOf(
      cohortStates,
      "refreshing: the first refresh is under way. ready: refreshed within the last minute. failed: the last try " +
        "failed, `refresh_error` says how, and it is tried again. overdue: not refreshed for a minute.",
    ),
    refresh_error: Type.Union([Type.String(), Type.Null()]),
    refresh_failures: Type.Integer({ description: "Tries that failed since the last refresh." }),
    next_refresh_at: Time,
    ids: Type.Optional(Type.Integer({ description: "Ids of a static cohort, known or not." })),
    definition: Type.Optional(CohortDefinition),
  },
  { $id: "Cohort" },
);
export type Cohort = Static<typeof Cohort>;

export const CohortUsersParameters = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: cohortLimits.nameLengthMax }),
    limit: Type.Optional(
      Type.String({
        pattern: "^[0-9]{1,6}$",
        description: `1 to ${cohortLimits.usersPerPageMax}; default ${cohortLimits.usersPerPageDefault}.`,
      }),
    ),
    cursor: Type.Optional(Type.String({ maxLength: 100, description: "`next` of the page before." })),
  },
  strict,
);

export const CohortUsers = Type.Object(
  {
    users: Type.Array(Type.String(), { description: "One id for each person." }),
    next: Type.Union([Type.String(), Type.Null()], {
      description: "`cursor` of the next page; null: this is the last one.",
    }),
    refreshed_at: Time,
  },
  { $id: "CohortUsers" },
);
export type CohortUsers = Static<typeof CohortUsers>;

/** What the query tier answers to svc.query.cohort_statement. */
export interface CohortStatement {
  /** Answers one row with one column `users`: the members as a groupBitmap state. */
  readonly sql: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The instant that the statement takes for now. */
  readonly asOfMs: number;
  /** Internal numbers of the cohorts that the definition names. */
  readonly uses: readonly number[];
}
