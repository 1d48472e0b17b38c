// Which partitions this process owns. Owners are rows with an epoch: a takeover raises the epoch, and every
// write of a former owner (however slow it was) carries the old one and changes nothing.
// Partitions are shared out evenly among the processes that are alive.
import type { Postgres } from "#ops/runtime/postgres.ts";

/** A lease that is not renewed for this long is free. Renewed every second, so five renewals may fail. */
const leaseMs = 6_000;

export interface Lease {
  partition: number;
  epoch: string;
}

export interface LeaseChanges {
  acquired: Lease[];
  /** Partitions that another process owns now: stop at once. */
  lost: number[];
  /** Partitions to give up after the batch under way, because others have too few. */
  surplus: number[];
}

export class PartitionLeases {
  readonly #postgres: Postgres;
  readonly #instance: string;
  readonly #partitions: number;
  readonly #logId: string;

  constructor(options: { postgres: Postgres; instance: string; partitions: number; logId: string }) {
    this.#postgres = options.postgres;
    this.#instance = options.instance;
    this.#partitions = options.partitions;
    this.#logId = options.logId;
  }

  /** Makes a row for each partition, and forgets positions that belong to another log. */
  async ensureRows(): Promise<void> {
    await this.#postgres.query(
      `INSERT INTO log_partitions (partition, log_id)
       SELECT partition, $2 FROM generate_series(0, $1 - 1) AS partition
       ON CONFLICT (partition) DO NOTHING`,
      [this.#partitions, this.#logId],
    );
    await this.#postgres.query(
      `WITH changed AS (
         UPDATE log_partitions
         SET log_id = $1, committed_sequence = 0, epoch = epoch + 1,
             intent_from = NULL, intent_to = NULL, intent_token = NULL
         WHERE log_id <> $1 RETURNING partition)
       DELETE FROM log_batches WHERE partition IN (SELECT partition FROM changed)`,
      [this.#logId],
    );
  }

  /** One round: say that we live, renew what is ours, take our share of what is free. Call it every second. */
  async tick(owned: ReadonlyMap<number, string>): Promise<LeaseChanges> {
    const alive = await this.#postgres.query<{ instances: string }>(
      `WITH me AS (
         INSERT INTO worker_instances (instance, alive_until) VALUES ($1, now() + $2 * interval '1 ms')
         ON CONFLICT (instance) DO UPDATE SET alive_until = excluded.alive_until),
       gone AS (DELETE FROM worker_instances WHERE alive_until < now() - interval '1 hour')
       SELECT count(*) AS instances FROM worker_instances WHERE alive_until >= now() AND instance <> $1`,
      [this.#instance, leaseMs],
    );
    const instances = Number(alive.rows[0]?.instances ?? 0) + 1;
    const share = Math.ceil(this.#partitions / instances);

    const renewed = await this.#postgres.query<{ partition: number }>(
      `UPDATE log_partitions SET lease_until = now() + $2 * interval '1 ms'
       FROM unnest($3::int[], $4::bigint[]) AS mine (partition, epoch)
       WHERE log_partitions.partition = mine.partition AND log_partitions.epoch = mine.epoch
         AND log_partitions.owner = $1
       RETURNING log_partitions.partition`,
      [this.#instance, leaseMs, [...owned.keys()], [...owned.values()]],
    );
    const kept = new Set(renewed.rows.map((row) => row.partition));
    const lost = [...owned.keys()].filter((partition) => !kept.has(partition));

    const room = share - kept.size;
    const acquired = room > 0 ? await this.#acquire(room, [...kept]) : [];
    return { acquired, lost, surplus: room < 0 ? [...kept].slice(room) : [] };
  }

  async #acquire(count: number, kept: number[]): Promise<Lease[]> {
    // Our own name on a partition that we do not hold: a former life of this instance, which is dead.
    const taken = await this.#postgres.query<Lease>(
      `UPDATE log_partitions
       SET owner = $1, epoch = epoch + 1, lease_until = now() + $2 * interval '1 ms'
       WHERE partition IN (
         SELECT partition FROM log_partitions
         WHERE partition < $5 AND NOT partition = ANY ($3::int[])
           AND (owner IS NULL OR owner = $1 OR lease_until < now())
         ORDER BY partition LIMIT $4 FOR UPDATE SKIP LOCKED)
       RETURNING partition, epoch`,
      [this.#instance, leaseMs, kept, count, this.#partitions],
    );
    return taken.rows;
  }

  /** Gives a partition up, after its last batch. */
  async release(partition: number, epoch: string): Promise<void> {
    await this.#postgres.query(
      `UPDATE log_partitions SET owner = NULL, lease_until = '-infinity'
       WHERE partition = $1 AND owner = $2 AND epoch = $3`,
      [partition, this.#instance, epoch],
    );
  }

  /** Says that this process is gone, so that others take their larger share at once. */
  async leave(): Promise<void> {
    await this.#postgres.query("DELETE FROM worker_instances WHERE instance = $1", [this.#instance]);
  }
}
