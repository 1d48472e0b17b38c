// Stickiness as a flat table: a row for each number of intervals of each series.
import type { StickinessAnswer } from "#schemas/query/stickiness.ts";
import { columnsOf, type Table } from "../export/table.ts";

const columns = columnsOf({
  label: "text",
  intervals: "integer",
  users: "integer",
  users_at_least: "integer",
});

export function stickinessTable({ series }: Pick<StickinessAnswer, "series">): Table {
  const rows = series.flatMap(({ label, counts }) =>
    counts.map(({ intervals, users, users_at_least }) => [label, intervals, users, users_at_least]),
  );
  return { columns, rows };
}
