// How the store takes rows exactly once: one block under a token, which its dependent tables know it by, too.
import type { ClickHouseSettings } from "@clickhouse/client";

/** Whoever inserts the same rows again under the same token adds nothing. */
export function insertOnce(token: string): ClickHouseSettings {
  return {
    insert_deduplication_token: token,
    async_insert: 0,
    deduplicate_blocks_in_dependent_materialized_views: 1,
    // In a cluster `events` spreads the block over the shards: answered when all of them have stored it, under
    // the same token. Without this the rows would wait in the asked server's own queue. Nothing elsewhere.
    distributed_foreground_insert: 1,
    // One block, one part per month: parallel parsing or squashing would split or join blocks.
    input_format_parallel_parsing: 0,
    max_insert_block_size: "1000000",
    min_insert_block_size_rows: "0",
    min_insert_block_size_bytes: "0",
    max_insert_threads: "1",
    max_partitions_per_insert_block: "0",
  };
}
