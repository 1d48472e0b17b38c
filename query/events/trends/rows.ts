// Trends as a flat table: a row for each bucket of each line.
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { columnsOf, type Table } from "../export/table.ts";

const columns = columnsOf({
  label: "text",
  breakdown: "text",
  compare: "boolean",
  bucket: "time",
  value: "number",
  // Of the whole line, the same in all of its rows: uniques and averages do not add up.
  total: "number",
});

export function trendsTable({ series }: Pick<TrendsAnswer, "series">): Table {
  const rows = series.flatMap(({ label, breakdown, compare, buckets, values, total }) =>
    buckets.map((bucket, index) => [
      label,
      breakdown,
      compare === true,
      bucket,
      values[index] ?? null,
      total,
    ]),
  );
  return { columns, rows };
}
