// Removes blocks from the log once they are surely stored. The latest batches of each partition stay, so that
// a start after a power failure can compare and redo. Run by the owner of partition 0.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { lastSequences, readLogState, trimLog } from "#streams/log-state.ts";

/** Batches older than this are surely on disk, whatever the store promised. */
const keptMinutes = 10;

/**
 * The first sequence that has to stay: nothing of it or after it may be trimmed.
 * `last` holds each partition's last block; a partition whose last block is stored holds nothing back.
 */
export function decideFirstKept(
  partitions: readonly { partition: number; committed: number; protectedFrom: number | null }[],
  last: ReadonlyMap<number, number>,
  lastSequence: number,
): number {
  let kept = lastSequence + 1;
  for (const { partition, committed, protectedFrom } of partitions) {
    if (protectedFrom !== null) kept = Math.min(kept, protectedFrom);
    if ((last.get(partition) ?? 0) > committed) kept = Math.min(kept, committed + 1);
  }
  return kept;
}

export async function trimStoredBlocks(options: {
  connection: NatsConnection;
  postgres: Postgres;
  log: Logger;
}): Promise<void> {
  // The log's end first: what arrives while we look lies behind it and is not touched.
  const state = await readLogState(options.connection);
  const last = await lastSequences(options.connection);
  const { rows } = await options.postgres.query<{
    partition: number;
    committed: string;
    protected_from: string | null;
  }>(
    `SELECT partition, committed_sequence AS committed,
            least(intent_from, (SELECT min(from_sequence) FROM log_batches
                                WHERE log_batches.partition = log_partitions.partition
                                  AND committed_at > now() - $1 * interval '1 minute')) AS protected_from
     FROM log_partitions WHERE log_id = $2`,
    [keptMinutes, state.logId],
  );
  if (rows.length === 0) return;
  const firstKept = decideFirstKept(
    rows.map((row) => ({
      partition: row.partition,
      committed: Number(row.committed),
      protectedFrom: row.protected_from === null ? null : Number(row.protected_from),
    })),
    last,
    state.lastSequence,
  );
  if (firstKept <= state.firstSequence) return;
  await trimLog(options.connection, firstKept);
  options.log.debug({ firstKept, lastSequence: state.lastSequence }, "log trimmed");
}
