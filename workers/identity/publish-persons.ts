// Brings changes of persons from the relational store, where they were decided, to the analytics store, where queries
// read them. Rows carry a growing version, so sending one twice changes nothing; what a crash left is sent by the
// next process that looks.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { onClusterSql } from "#schemas/clickhouse/render-for-cluster.ts";

const rowsAtOnceMax = 50_000;
const leftoversEveryMs = 1_000;
const retryMsMin = 50;
const retryMsMax = 5_000;
/**
 * Changes after which the table is merged into one part: a query reads all of it (100,000 joined ids: 16 ms from
 * many parts, 2 to 3 ms from one).
 */
const changesPerFold = 20_000;
const foldMsMin = 30_000;

interface Change {
  version: string;
  project_id: number;
  user_number: string;
  person_number: string;
}

export class PersonPublisher {
  readonly #postgres: Postgres;
  readonly #clickhouse: ClickHouse;
  readonly #cluster: string | undefined;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #changesSinceFold = 0;
  #foldedAtMs = 0;

  constructor(options: {
    postgres: Postgres;
    clickhouse: ClickHouse;
    clickhouseCluster: string | undefined;
    log: Logger;
  }) {
    this.#postgres = options.postgres;
    this.#clickhouse = options.clickhouse;
    this.#cluster = options.clickhouseCluster;
    this.#log = options.log;
  }

  start(): void {
    this.#loop = this.#publishLeftovers();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#running?.catch(() => {});
  }

  /** Resolves once every change committed before the call is in the analytics store; one try. */
  publish(): Promise<void> {
    // A round under way may have read before the caller's commit: wait for the one after it, shared by all callers.
    if (this.#running !== undefined) {
      this.#next ??= this.#running
        .catch(() => {})
        .then(() => {
          this.#next = undefined;
          return this.publish();
        });
      return this.#next;
    }
    this.#running = this.#publishRound().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The same, trying until it succeeds or `signal` is aborted. */
  async publishSurely(signal: AbortSignal): Promise<void> {
    for (let delayMs = retryMsMin; ; delayMs = Math.min(delayMs * 2, retryMsMax)) {
      signal.throwIfAborted();
      try {
        return await this.publish();
      } catch (error) {
        this.#log.warn({ err: error, delayMs }, "changes of persons could not be published, trying again");
        await sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal });
      }
    }
  }

  async #publishRound(): Promise<void> {
    for (;;) {
      const { rows } = await this.#postgres.query<Change>(
        "SELECT version, project_id, user_number, person_number FROM person_changes ORDER BY version LIMIT $1",
        [rowsAtOnceMax],
      );
      if (rows.length === 0) return;
      await this.#clickhouse.insert({
        table: "persons",
        columns: ["project_id", "user_number", "person_number", "version"],
        values: rows.map((row) => [row.project_id, row.user_number, row.person_number, row.version]),
        format: "JSONCompactEachRow",
        clickhouse_settings: { async_insert: 0, distributed_foreground_insert: 1 },
      });
      // By name: a change with a lower version may still be uncommitted.
      await this.#postgres.query("DELETE FROM person_changes WHERE version = ANY ($1::bigint[])", [
        rows.map((row) => row.version),
      ]);
      this.#changesSinceFold += rows.length;
      if (rows.length < rowsAtOnceMax) return;
    }
  }

  async #publishLeftovers(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.publish();
        await this.#foldWhenMany();
      } catch (error) {
        this.#log.warn({ err: error }, "changes of persons could not be published, trying again");
      }
      await sleep(leftoversEveryMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Merges the table's parts, so that the latest row of each id is found without comparing parts. */
  async #foldWhenMany(): Promise<void> {
    if (this.#changesSinceFold < changesPerFold || Date.now() - this.#foldedAtMs < foldMsMin) return;
    this.#changesSinceFold = 0;
    this.#foldedAtMs = Date.now();
    const target = this.#cluster === undefined ? "persons" : `persons_local ${onClusterSql(this.#cluster)}`;
    await this.#clickhouse.command({ query: `OPTIMIZE TABLE ${target} FINAL` });
  }
}
