// A sample of people: everybody whose hash falls into some of 4096 ranks. Each person is in it with the same chance
// and independently of all others, so what is counted in it bounds what would be counted in all (see bounds.ts).
import type { People } from "../people/people.ts";
import { personSql } from "../people/person-sql.ts";
import { projectParameter } from "../sql/scope.ts";

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

export interface SampledTable {
  readonly table: "events" | "steps" | "steps_sample";
  /** Rows of the sample's persons only. */
  readonly conditions: readonly string[];
}

/** Where a query over people reads rows of `table`: all of them, or those of its sample. */
export function sampledTable(table: "events" | "steps", people: People): SampledTable {
  const { sample } = people;
  if (sample === undefined) return { table, conditions: [] };
  const last = sample.firstRank + sample.ranks - 1;
  const between = `BETWEEN ${sample.firstRank} AND ${last}`;
  // Rows of `steps_sample` are chosen by their id; of persons with several ids those of the others would miss.
  if (table === "steps" && !people.merged) return { table: "steps_sample", conditions: [`rank ${between}`] };
  const hash = `sipHash64({${projectParameter}:UInt32}, toUInt32(${personSql(people)}))`;
  return { table, conditions: [`${hash} % ${ranksOfAll} ${between}`] };
}
