// Lifecycle as a flat table: a row for each interval.
import type { LifecycleAnswer } from "#schemas/query/lifecycle.ts";
import { columnsOf, type Table } from "../export/table.ts";

const columns = columnsOf({
  bucket: "time",
  new: "integer",
  returning: "integer",
  resurrecting: "integer",
  dormant: "integer",
});

export function lifecycleTable(answer: Omit<LifecycleAnswer, "meta">): Table {
  const at = (counts: readonly number[], index: number): number => counts[index] as number;
  const rows = answer.buckets.map((bucket, index) => [
    bucket,
    at(answer.new, index),
    at(answer.returning, index),
    at(answer.resurrecting, index),
    at(answer.dormant, index),
  ]);
  return { columns, rows };
}
