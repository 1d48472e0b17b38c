// What a run will generate, as numbers: everything else follows from them and from the seed.

export interface GeneratePlan {
  /** Number of the project in the stores. */
  readonly projectId: number;
  /** All events, the planted ones too. */
  readonly events: number;
  readonly users: number;
  readonly seed: number;
  /** Ranges of numbers that earlier runs took in the project: 0 for the first run, and no two runs have the same. */
  readonly run: number;
  /** Midnight UTC. */
  readonly fromMs: number;
  /** First instant after the range, midnight UTC. */
  readonly endMs: number;
  /** Number of the first user; the others follow. */
  readonly firstNumber: number;
  /** Days that the project keeps raw events; 0: for ever. */
  readonly retentionDays: number;
}

export const dayMs = 86_400_000;

export const planLimits = {
  eventsMin: 50_000,
  usersMin: 1_000,
  /** What dense numbers and bitmaps are for; also what a chunk's arithmetic can hold. */
  usersMax: 50_000_000,
  /** The planted funnel needs room for a second attempt ten days after the first. */
  daysMin: 30,
  daysMax: 3_650,
} as const;

/** Rows of events carry this instead of a partition of the log, so that no ledger of the pipeline counts them. */
export const generatedPartition = 65_535;

/** Users are named by their number, which no other user of the project has. */
export const userIdPrefix = "gen_";

/** What the first run planted keeps its names to itself: later runs have names of their own. */
export function plantedName(plan: Pick<GeneratePlan, "run">, name: string): string {
  return plan.run === 0 ? name : `${name}_${plan.run + 1}`;
}
