// A moment in which nothing is being stored: no partition has a batch under way, and none can begin one. Rows that are
// there then are all that were stored before, so what is counted and dropped in it is the same.
import { setTimeout as sleep } from "node:timers/promises";
import type { Postgres } from "#ops/runtime/postgres.ts";

/** Owners renew their leases, which last 6 s, in the same rows: they may wait for us only for a part of that. */
const gatherMsMax = 2_000;
const lookMs = 10;
/** For the work itself. */
export const restMsMax = 2_000;

/**
 * Undefined when the moment could not be had: some batch took too long, or belongs to a process that died. Nobody waits
 * for a lock here, so this meets no other order of locks.
 */
export async function whileLogRests<T>(
  postgres: Postgres,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const client = await postgres.connect();
  const deadline = performance.now() + gatherMsMax;
  try {
    await client.query("BEGIN");
    const held: number[] = [];
    for (;;) {
      const { rows } = await client.query<{ partition: number }>(
        `SELECT partition FROM log_partitions WHERE intent_token IS NULL AND NOT partition = ANY ($1)
         FOR UPDATE SKIP LOCKED`,
        [held],
      );
      held.push(...rows.map(({ partition }) => partition));
      const { rows: all } = await client.query<{ partitions: number }>(
        "SELECT count(*)::int AS partitions FROM log_partitions",
      );
      if (held.length === all[0]?.partitions) break;
      if (performance.now() > deadline) return undefined;
      await sleep(lookMs);
    }
    return await work(AbortSignal.timeout(restMsMax));
  } finally {
    await client.query("ROLLBACK").catch(() => undefined);
    client.release();
  }
}
