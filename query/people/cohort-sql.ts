// Membership of a cohort as SQL.
import { fromTable } from "../sql/scope.ts";
import type { SqlContext } from "../sql/context.ts";
import { personsOfSql, personSql } from "./person-sql.ts";

/** The persons of a cohort as a bitmap; empty until its first refresh. */
export function cohortBitmapSql(cohortId: string, context: SqlContext): string {
  const number = context.people.cohorts.get(cohortId);
  if (number === undefined) throw new Error("a cohort that was not loaded reached the compiler");
  const members = fromTable(
    "cohort_members",
    [`cohort_id = ${context.parameters.bind("UInt32", number)}`],
    "FINAL",
  );
  return personsOfSql(context.people, `(SELECT groupBitmapMergeState(users) ${members})`);
}

/** UInt8: the row's person belongs to the cohort. */
export function isMemberSql(cohortId: string, context: SqlContext): string {
  return `bitmapContains(${cohortBitmapSql(cohortId, context)}, ${personSql(context.people)})`;
}
