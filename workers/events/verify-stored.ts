// Compares what the analytics store holds of a batch with what was marked done.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { StoredBatch } from "./batch-ledger.ts";

/** Rows of the batch that the store lacks. */
export async function countMissing(
  clickhouse: ClickHouse,
  partition: number,
  batch: StoredBatch,
): Promise<number> {
  const result = await clickhouse.query({
    query: `SELECT count() AS rows FROM events
      WHERE log_partition = {partition:UInt16} AND log_sequence BETWEEN {from:UInt64} AND {to:UInt64}`,
    query_params: { partition, from: batch.from, to: batch.to },
    format: "JSONEachRow",
  });
  const [row] = await result.json<{ rows: string }>();
  return Math.max(0, batch.rows - Number(row?.rows ?? 0));
}
