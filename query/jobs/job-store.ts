// The analytics store as a job sees it: its statements may take an hour and any number of rows, on one thread so that
// others hardly notice, and carry the job's name, so that their progress can be asked.
import { randomUUID } from "node:crypto";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Store } from "../store/run-statement.ts";

export const jobSecondsMax = 3600;

const jobSettings = {
  max_execution_time: jobSecondsMax,
  max_rows_to_read: "0",
  max_threads: 1,
} as const;

/** Of statements of one job. */
interface Seen {
  rows: number;
  rowsExpected: number;
}

export class JobStatements {
  /** For everything that the job's query asks. */
  readonly store: Store;
  readonly #clickhouse: ClickHouse;
  readonly #prefix: string;
  readonly #seen = new Map<string, Seen>();

  /** `clickhouse` is the client whose connections may be silent for long. */
  constructor(store: Store, clickhouse: ClickHouse, jobId: string) {
    this.#clickhouse = clickhouse;
    this.#prefix = `job-${jobId}-${randomUUID().slice(0, 8)}-`;
    this.store = { ...store, clickhouse: this.#client(clickhouse) };
  }

  /** Looks how far the statements under way are; what is away says nothing. */
  async look(): Promise<void> {
    const result = await this.#clickhouse.query({
      query:
        "SELECT query_id, read_rows, total_rows_approx FROM system.processes WHERE startsWith(query_id, {prefix:String})",
      query_params: { prefix: this.#prefix },
      format: "JSONCompact",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    for (const [id, rows, rowsExpected] of (await result.json<[string, number, number]>()).data) {
      const seen = this.#seen.get(id);
      this.#seen.set(id, {
        rows: Math.max(rows, seen?.rows ?? 0),
        rowsExpected: Math.max(rowsExpected, seen?.rowsExpected ?? 0),
      });
    }
  }

  /** At least so many. */
  get rowsRead(): number {
    return this.#sum("rows");
  }

  /** Of the statements that have begun. */
  get rowsExpected(): number {
    return this.#sum("rowsExpected");
  }

  #sum(field: keyof Seen): number {
    let sum = 0;
    for (const seen of this.#seen.values()) sum += seen[field];
    return sum;
  }

  #client(clickhouse: ClickHouse): ClickHouse {
    const mark = <P extends { query_id?: string; clickhouse_settings?: object }>(parameters: P): P => ({
      ...parameters,
      query_id: `${this.#prefix}${randomUUID()}`,
      clickhouse_settings: { ...parameters.clickhouse_settings, ...jobSettings },
    });
    const client = Object.create(clickhouse) as ClickHouse;
    client.query = ((parameters: never) => clickhouse.query(mark(parameters))) as ClickHouse["query"];
    client.exec = ((parameters: never) => clickhouse.exec(mark(parameters))) as unknown as ClickHouse["exec"];
    return client;
  }
}
