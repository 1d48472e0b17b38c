// What a project used, by day (UTC): what became of its events, and what only the edges know.
import { Type, type Static } from "@sinclair/typebox";
import type { ViolationTotal } from "../plans/violation-totals.ts";

export const usageDaysMax = 400;
export const usageDaysDefault = 30;

export const UsageParameters = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        pattern: "^\\d{4}-\\d{2}-\\d{2}$",
        description: "First day; default: 29 days before `to`.",
      }),
    ),
    to: Type.Optional(
      Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "Last day; default: today." }),
    ),
  },
  { $id: "UsageParameters" },
);

const counts = {
  received: Type.Integer({
    description: "Events that the log took: stored, duplicates and quarantined together.",
  }),
  stored: Type.Integer(),
  duplicates: Type.Integer(),
  quarantined: Type.Integer(),
  rejected: Type.Integer({ description: "Events that were answered with a code and not taken." }),
  bytes: Type.Integer({ description: "Bodies with accepted events, as they were received." }),
  queries: Type.Integer({ description: "Requests that a read key made, whatever their answer." }),
};
export const UsageCounts = Type.Object(counts);
export type UsageCounts = Static<typeof UsageCounts>;

const Quota = Type.Object({
  max: Type.Union([Type.Integer(), Type.Null()], { description: "Null: no limit." }),
  used: Type.Integer({ description: "Events that were taken; without those that wait in the log." }),
  ends_at: Type.String({ format: "date-time", description: "When counting begins anew." }),
});

export const UsageAnswer = Type.Object(
  {
    days: Type.Array(Type.Object({ day: Type.String(), ...counts })),
    total: UsageCounts,
    quotas: Type.Object({ day: Quota, month: Quota }),
  },
  { $id: "UsageAnswer" },
);
export type UsageAnswer = Static<typeof UsageAnswer>;

/** One project's use in one day, as an edge counted it since its last report. */
export interface EdgeUse {
  readonly projectId: number;
  readonly day: string;
  readonly rejected: number;
  readonly bytes: number;
  readonly queries: number;
}

/** An edge ▸ `svc.projects.report_use`: repeated until it is answered, counted once. */
export interface UseReport {
  /** One run of an edge, and its reports counted from 1. */
  readonly run: string;
  readonly number: number;
  readonly uses: readonly EdgeUse[];
  /** Ids of keys, and when each was last used (epoch milliseconds). */
  readonly keys: readonly (readonly [keyId: string, lastUsedAtMs: number])[];
  /** Of tracking plans, by events that were refused. Absent from edges of an older version. */
  readonly violations?: readonly ViolationTotal[];
}

/** `svc.projects.events_taken`: what the log took of a project so far, as far as it is stored. */
export interface EventsTaken {
  readonly day: number;
  readonly month: number;
}

/** The day (UTC) of an instant. */
export function dayOf(instantMs: number): string {
  return new Date(instantMs).toISOString().slice(0, 10);
}
