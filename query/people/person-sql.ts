// The person behind a user number as SQL. Rows keep the number of the id they came with; ids that were joined are
// mapped while a query reads. The map is a scalar subquery: read once a statement, whatever the number of its uses
// (measured: 100,000 joined ids cost 20 ms a statement and 10 to 35 ns a row; record 0013).
import { fromTable } from "../sql/scope.ts";
import type { People } from "./people.ts";

const joined = `(SELECT (groupArray(user_number), groupArray(person_number)) ${fromTable("persons", [], "FINAL")})`;

/** UInt32: the person of a row of `events`, `steps` or `user_properties`. */
export function personSql(people: People): string {
  return people.merged ? `transform(user_number, ${joined}.1, ${joined}.2, user_number)` : "user_number";
}

/** A set of user numbers (a bitmap) as the set of their persons. */
export function personsOfSql(people: People, bitmap: string): string {
  if (!people.merged) return bitmap;
  // Only the joined ones are taken out and mapped: bitmapTransform would walk the whole map for every set.
  const moved = `bitmapAnd(${bitmap}, bitmapBuild(${joined}.1))`;
  const mapped = `arrayMap(each -> transform(each, ${joined}.1, ${joined}.2, each), bitmapToArray(${moved}))`;
  return `bitmapOr(bitmapAndnot(${bitmap}, bitmapBuild(${joined}.1)), bitmapBuild(${mapped}))`;
}
