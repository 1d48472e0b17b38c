// Where the rows of a sample's people are read, as SQL.
import type { People } from "../people/people.ts";
import { personSql } from "../people/person-sql.ts";
import { ranksOfAll } from "../people/sample.ts";
import { projectParameter } from "../sql/scope.ts";

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
