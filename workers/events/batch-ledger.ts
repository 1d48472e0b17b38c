// What makes a batch happen exactly once: its intent is recorded before it is written, its end after.
// Every statement is fenced by the owner's epoch; a former owner gets LeaseLostError and stops.
import type { ClientBase } from "pg";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { hasEffects, writeEffects, type BatchEffects } from "./batch-effects.ts";
import type { NewUser } from "./identify-users.ts";

/** Batches that are compared with the store at start; their blocks stay in the log. */
export const batchesKept = 8;
/** Numbers leased at once: one roaring container. */
const rangeSize = 65_536;

export class LeaseLostError extends Error {
  constructor(partition: number) {
    super(`partition ${partition} has another owner`);
    this.name = "LeaseLostError";
  }
}

/** A batch whose writing began: exactly these log sequences (inclusive), under this token. */
export interface OpenIntent {
  from: number;
  to: number;
  token: string;
}

export interface StoredBatch extends OpenIntent {
  rows: number;
}

export class BatchLedger {
  readonly #postgres: Postgres;
  readonly #partition: number;
  readonly #epoch: string;

  constructor(options: { postgres: Postgres; partition: number; epoch: string }) {
    this.#postgres = options.postgres;
    this.#partition = options.partition;
    this.#epoch = options.epoch;
  }

  /**
   * Records what is about to be written, the numbers of its new users, and what else happens with it, in one
   * transaction. Answers false, having recorded nothing, when one of the users has a number already. A batch that was
   * committed before and is written again leaves the intent that may be open behind it.
   */
  async recordIntent(
    intent: OpenIntent,
    newUsers: readonly NewUser[],
    alsoDo: (client: ClientBase) => Promise<void> = async () => {},
  ): Promise<boolean> {
    const client = await this.#postgres.connect();
    try {
      await client.query("BEGIN");
      const fenced = await client.query(
        `UPDATE log_partitions
         SET intent_from = CASE WHEN committed_sequence < $4 THEN $3 ELSE intent_from END,
             intent_to = CASE WHEN committed_sequence < $4 THEN $4 ELSE intent_to END,
             intent_token = CASE WHEN committed_sequence < $4 THEN $5 ELSE intent_token END
         WHERE partition = $1 AND epoch = $2`,
        [this.#partition, this.#epoch, intent.from, intent.to, intent.token],
      );
      if (fenced.rowCount !== 1) throw new LeaseLostError(this.#partition);
      if (newUsers.length > 0) {
        const inserted = await client.query(
          `INSERT INTO user_numbers (project_id, user_key, user_number, partition)
           SELECT project_id, user_key, user_number, $4
           FROM unnest($1::int[], $2::text[], $3::bigint[]) AS fresh (project_id, user_key, user_number)
           ORDER BY project_id, user_key COLLATE "C"
           ON CONFLICT (project_id, user_key) DO NOTHING`,
          [
            newUsers.map((user) => user.projectId),
            newUsers.map((user) => user.userKey),
            newUsers.map((user) => user.userNumber),
            this.#partition,
          ],
        );
        if (inserted.rowCount !== newUsers.length) {
          await client.query("ROLLBACK");
          return false;
        }
      }
      await alsoDo(client);
      await client.query("COMMIT");
      return true;
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }

  /**
   * Those of the users who have a number already, with it: somebody joined their ids before their first event. From
   * now on the numbers are the partition's to give.
   */
  async adoptNumbers(users: readonly NewUser[]): Promise<NewUser[]> {
    const { rows } = await this.#postgres.query<{ place: string; user_number: string }>(
      `UPDATE user_numbers SET reserved = false
       FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS met (project_id, user_key, place)
       WHERE user_numbers.project_id = met.project_id AND user_numbers.user_key = met.user_key
       RETURNING place, user_number`,
      [users.map((user) => user.projectId), users.map((user) => user.userKey)],
    );
    return rows.map((row) => ({
      ...(users[Number(row.place) - 1] as NewUser),
      userNumber: Number(row.user_number),
      lastActivitySeconds: 0,
      sessionStartSeconds: 0,
    }));
  }

  /**
   * The batch is stored: moves the position past it, and writes its effects, in one transaction. A batch that was
   * committed before, and written again because the store had lost it, had its effects then.
   */
  async commit(batch: StoredBatch, effects: BatchEffects): Promise<void> {
    if (!hasEffects(effects)) {
      await this.#move(this.#postgres, batch);
      return;
    }
    const client = await this.#postgres.connect();
    try {
      await client.query("BEGIN");
      if (await this.#move(client, batch)) await writeEffects(client, this.#partition, effects);
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }

  /** Answers whether the position moved: not past a batch that it had passed before. */
  async #move(client: Pick<ClientBase, "query">, batch: StoredBatch): Promise<boolean> {
    const result = await client.query<{ found: number; moved: boolean | null }>(
      `WITH before AS (
         SELECT partition, committed_sequence < $4 AS moves FROM log_partitions
         WHERE partition = $1 AND epoch = $2 FOR UPDATE),
       moved AS (
         UPDATE log_partitions
         SET committed_sequence = $4, committed_at = now(),
             intent_from = NULL, intent_to = NULL, intent_token = NULL
         FROM before WHERE log_partitions.partition = before.partition AND moves),
       recorded AS (
         INSERT INTO log_batches (partition, from_sequence, to_sequence, token, rows)
         SELECT partition, $3, $4, $5, $6 FROM before
         ON CONFLICT (partition, from_sequence) DO UPDATE
         SET to_sequence = excluded.to_sequence, token = excluded.token, rows = excluded.rows, committed_at = now()),
       forgotten AS (
         DELETE FROM log_batches USING before
         WHERE log_batches.partition = before.partition AND from_sequence < (
           SELECT min(from_sequence) FROM (
             SELECT from_sequence FROM log_batches WHERE partition = $1
             ORDER BY from_sequence DESC LIMIT $7) AS latest))
       SELECT count(*)::int AS found, bool_or(moves) AS moved FROM before`,
      [this.#partition, this.#epoch, batch.from, batch.to, batch.token, batch.rows, batchesKept],
    );
    const row = result.rows[0];
    if (row?.found !== 1) throw new LeaseLostError(this.#partition);
    return row.moved === true;
  }

  /** The stored position and the batch that was under way; throws LeaseLostError when the epoch is old. */
  async readState(): Promise<{ committedSequence: number; intent: OpenIntent | undefined }> {
    const { rows } = await this.#postgres.query<{
      committed: string;
      from: string | null;
      to: string;
      token: string;
    }>(
      `SELECT committed_sequence AS committed, intent_from AS "from", intent_to AS "to", intent_token AS token
       FROM log_partitions WHERE partition = $1 AND epoch = $2`,
      [this.#partition, this.#epoch],
    );
    const row = rows[0];
    if (!row) throw new LeaseLostError(this.#partition);
    return {
      committedSequence: Number(row.committed),
      intent:
        row.from === null ? undefined : { from: Number(row.from), to: Number(row.to), token: row.token },
    };
  }

  /** The latest stored batches, oldest first. */
  async latestBatches(): Promise<StoredBatch[]> {
    const { rows } = await this.#postgres.query<{ from: string; to: string; token: string; rows: string }>(
      `SELECT from_sequence AS "from", to_sequence AS "to", token, rows FROM log_batches
       WHERE partition = $1 ORDER BY from_sequence`,
      [this.#partition],
    );
    return rows.map((row) => ({
      from: Number(row.from),
      to: Number(row.to),
      token: row.token,
      rows: Number(row.rows),
    }));
  }

  /** Leases the next range of user numbers of a project to this partition. */
  async leaseNumberRange(projectId: number): Promise<{ start: number; end: number }> {
    const client = await this.#postgres.connect();
    try {
      await client.query("BEGIN");
      const fenced = await client.query(
        "SELECT 1 FROM log_partitions WHERE partition = $1 AND epoch = $2 FOR SHARE",
        [this.#partition, this.#epoch],
      );
      if (fenced.rowCount !== 1) throw new LeaseLostError(this.#partition);
      // Two partitions leasing at once would take the same start: one after the other, per project.
      await client.query("SELECT pg_advisory_xact_lock(hashtext('user_number_ranges'), $1)", [projectId]);
      const { rows } = await client.query<{ range_start: string }>(
        `INSERT INTO user_number_ranges (project_id, range_start, partition)
         SELECT $1, coalesce(max(range_start) + $3, 0), $2 FROM user_number_ranges WHERE project_id = $1
         RETURNING range_start`,
        [projectId, this.#partition, rangeSize],
      );
      await client.query("COMMIT");
      const start = Number(rows[0]?.range_start);
      return { start, end: start + rangeSize };
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }

  /** The unused rest of the partition's latest range in each project. */
  async openNumberRanges(): Promise<{ projectId: number; next: number; end: number }[]> {
    const { rows } = await this.#postgres.query<{ project_id: number; next: string; end: string }>(
      `SELECT latest.project_id, latest.range_start + $2 AS "end",
              coalesce((SELECT max(user_number) + 1 FROM user_numbers
                        WHERE partition = $1 AND project_id = latest.project_id
                          AND user_number >= latest.range_start AND user_number < latest.range_start + $2),
                       latest.range_start) AS "next"
       FROM (SELECT project_id, max(range_start) AS range_start FROM user_number_ranges
             WHERE partition = $1 GROUP BY project_id) AS latest`,
      [this.#partition, rangeSize],
    );
    return rows.map((row) => ({ projectId: row.project_id, next: Number(row.next), end: Number(row.end) }));
  }
}
