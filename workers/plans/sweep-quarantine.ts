// Takes out of the quarantine what was sent again as it should be, and stored: events that were stored since the last look
// are compared with what is kept aside. So nobody who lists the quarantine has to look for its ids among all events.
// Any number of worker processes do this; one at a time.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";

const everyMs = 30_000;
/** Blocks of a partition that one statement looks at. */
const blocksMax = 100_000;
/** Ids that one statement holds in memory, about 100 bytes each. */
const idsAtOnceMax = 1_000_000;
const statementMsMax = 600_000;

interface SweepOptions {
  readonly postgres: Postgres;
  readonly clickhouse: ClickHouse;
  readonly log: Logger;
}

export class QuarantineSweeper {
  readonly #options: SweepOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** What is under way is given up: the next look begins where the last one ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        if (await sweep(this.#options, signal)) continue;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn({ err: error }, "what is kept aside could not be compared, trying again");
      }
      await sleep(everyMs, undefined, { signal }).catch(() => {});
    }
  }
}

interface Range {
  readonly partition: number;
  readonly after: number;
  readonly upto: number;
}

/** True when there is more to compare. */
async function sweep(
  { postgres, clickhouse }: Pick<SweepOptions, "postgres" | "clickhouse">,
  signal: AbortSignal,
): Promise<boolean> {
  return transact(postgres, async (client) => {
    const { rows: lock } = await client.query<{ ours: boolean }>(
      "SELECT pg_try_advisory_xact_lock(hashtext('quarantine_sweeps')) AS ours",
    );
    if (lock[0]?.ours !== true) return false;
    // A new log begins at its first sequence again.
    const { rows } = await client.query<{ partition: number; after: string; upto: string; more: boolean }>(
      `SELECT partition, after, least(committed_sequence, after + $1) AS upto,
              committed_sequence > after + $1 AS more
       FROM (SELECT partition, committed_sequence,
               CASE WHEN swept_sequence <= committed_sequence THEN swept_sequence ELSE -1 END AS after
             FROM log_partitions LEFT JOIN quarantine_sweeps USING (partition)) AS known
       WHERE committed_sequence > after`,
      [blocksMax],
    );
    const ranges = rows.map(({ partition, after, upto }) => ({
      partition,
      after: Number(after),
      upto: Number(upto),
    }));
    if (ranges.length === 0) return false;
    await closeStored(clickhouse, ranges, signal);
    await client.query(
      `INSERT INTO quarantine_sweeps (partition, swept_sequence) SELECT * FROM unnest($1::int[], $2::bigint[])
       ON CONFLICT (partition) DO UPDATE SET swept_sequence = excluded.swept_sequence`,
      [ranges.map(({ partition }) => partition), ranges.map(({ upto }) => upto)],
    );
    return rows.some(({ more }) => more);
  });
}

async function closeStored(
  clickhouse: ClickHouse,
  ranges: readonly Range[],
  signal: AbortSignal,
): Promise<void> {
  const counted = await clickhouse.query({
    query: "SELECT count() AS ids FROM quarantine_state",
    format: "JSONEachRow",
    abort_signal: signal,
  });
  const [row] = await counted.json<{ ids: string }>();
  const parts = Math.ceil(Number(row?.ids ?? 0) / idsAtOnceMax);
  const since = ranges
    .map(
      ({ partition, after, upto }) =>
        `(log_partition = ${partition} AND toInt64(log_sequence) > ${after} AND log_sequence <= ${upto})`,
    )
    .join(" OR ");
  for (let part = 0; part < parts; part += 1) {
    const share = `cityHash64(event_id) % ${parts} = ${part}`;
    // Rows that came late may have been removed since.
    for (const table of ["events", "removed_event_ids"]) {
      await clickhouse.command({
        query: `INSERT INTO quarantine_closed (project_id, event_id, outcome, closed_at)
          SELECT DISTINCT project_id, event_id, 'stored', now64(3, 'UTC') FROM ${table}
          WHERE (${since}) AND ${share} AND (project_id, event_id) GLOBAL IN (
            SELECT project_id, event_id FROM quarantine_state WHERE ${share}
            GROUP BY project_id, event_id HAVING max(settled) > max(closed))`,
        clickhouse_settings: {
          max_execution_time: statementMsMax / 1000,
          insert_deduplicate: 0,
          distributed_foreground_insert: 1,
        },
        abort_signal: signal,
      });
    }
  }
}
