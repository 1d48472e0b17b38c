// One process of all does this work at a time, because it goes through tables that all share. The lock ends with the
// connection that holds it, so a dead process holds none.
import type pg from "pg";
import type { Postgres } from "#ops/runtime/postgres.ts";

const lockName = "hashtext('millrace retention')";

export interface HeldLock {
  /** Aborted when the connection broke: somebody else may work now. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Undefined: somebody else holds it. */
export async function tryLock(postgres: Postgres): Promise<HeldLock | undefined> {
  const client: pg.PoolClient = await postgres.connect();
  const lost = new AbortController();
  const onError = (): void => lost.abort();
  client.on("error", onError);
  try {
    const { rows } = await client.query<{ locked: boolean }>(
      `SELECT pg_try_advisory_lock(${lockName}) AS locked`,
    );
    if (rows[0]?.locked === true) {
      return {
        lost: lost.signal,
        async release() {
          const unlocked = await client.query(`SELECT pg_advisory_unlock(${lockName})`).then(
            () => true,
            () => false,
          );
          client.off("error", onError);
          client.release(!unlocked);
        },
      };
    }
    client.off("error", onError);
    client.release();
    return undefined;
  } catch (error) {
    client.off("error", onError);
    client.release(true);
    throw error;
  }
}
