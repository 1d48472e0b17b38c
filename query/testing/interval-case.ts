// For tests: what people did, what is asked, and what the answer must be; each case is a project of its own.

/** Who did what when; `u12` has the user number 12. A time without a zone is UTC. */
export type Given = readonly [user: string, event: string, at: string, properties?: object];

export interface Case {
  readonly sentence: string;
  readonly given: readonly Given[];
  readonly query: object;
  readonly expected: unknown;
  /** Ids that were joined: [id, person]. */
  readonly joined?: readonly (readonly [string, string])[];
  /** User property `plan`: [id, value]. */
  readonly setPlan?: readonly (readonly [string, string])[];
  /** [id of the cohort, ids of its members]. */
  readonly cohorts?: readonly (readonly [string, readonly string[]])[];
}

/** From 10 June 2026, a Wednesday. */
export const june = { from: "2026-06-10", periods: 3, target: { event: "a" } };
export const day = (number: number, time = "12:00"): string =>
  `2026-06-${String(number).padStart(2, "0")}T${time}:00Z`;
