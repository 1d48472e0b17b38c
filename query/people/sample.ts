// A sample of people: everybody whose hash falls into some of 4096 ranks. Each person is in it with the same chance
// and independently of all others, so what is counted in it bounds what would be counted in all (sampling/bounds.ts).

/** Ranks of all people, and those of which `steps_sample` keeps the steps. */
export const ranksOfAll = 4096;
export const ranksKept = 256;
/** Fewer ranks than this are never taken: 1 of 512 people. */
const ranksMin = 8;

export interface Sample {
  readonly firstRank: number;
  readonly ranks: number;
}

export function rateOf({ ranks }: Sample): number {
  return ranks / ranksOfAll;
}

/** Of so many rows about as many as wanted. */
export function sampleOf(rows: number, rowsWanted: number): Sample {
  const ranks = Math.floor((rowsWanted / rows) * ranksOfAll);
  return { firstRank: 0, ranks: Math.min(ranksKept, Math.max(ranksMin, ranks)) };
}
