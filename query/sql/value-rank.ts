// Ranks of a breakdown's values: those with the highest totals count from 1, all others share one.
import type { SqlContext } from "./context.ts";

/** Rank of every value beyond the limit. */
export const otherRank = 0;

/** UInt16: the rank of a Nullable(String). `top`: the values in order of their ranks; null is the missing one. */
export function valueRankSql(text: string, top: readonly (string | null)[], context: SqlContext): string {
  const named = top.flatMap((value, index) => (value === null ? [] : [{ value, rank: index + 1 }]));
  const noneRank = top.indexOf(null) + 1 || otherRank;
  const values = context.parameters.bind(
    "Array(String)",
    named.map((each) => each.value),
  );
  const ranks = context.parameters.bind(
    "Array(UInt16)",
    named.map((each) => each.rank),
  );
  const known =
    named.length === 0
      ? `toUInt16(${otherRank})`
      : `transform(assumeNotNull(${text}), ${values}, ${ranks}, toUInt16(${otherRank}))`;
  return `if(isNull(${text}), toUInt16(${noneRank}), ${known})`;
}
