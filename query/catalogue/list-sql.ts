// What the lists of the catalogue share as SQL: searching, and going on after a page.
import type { Parameters } from "../sql/parameters.ts";
import type { Cursor } from "./cursor.ts";

/** Conditions; none when nothing is searched. Both sides in one place, so that both know the same letters. */
export function searchSql(
  text: string,
  search: string,
  match: "contains" | "prefix",
  parameters: Parameters,
): string[] {
  if (search === "") return [];
  const needle = `lowerUTF8(${parameters.bind("String", search)})`;
  const found = `position(lowerUTF8(${text}), ${needle})`;
  return [match === "prefix" ? `${found} = 1` : `${found} > 0`];
}

/** `HAVING` after the last entry of a page; empty for the first page. */
export function afterSql(
  columns: { count: string; name: string },
  after: Cursor | undefined,
  parameters: Parameters,
): string {
  if (after === undefined) return "";
  const count = parameters.bind("Int64", after.count);
  const name = parameters.bind("String", after.name);
  return `HAVING ${columns.count} < ${count} OR (${columns.count} = ${count} AND ${columns.name} > ${name})`;
}
