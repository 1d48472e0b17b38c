// How far a job is: its statements on the analytics store carry its name, and the store says what they have read.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { statementPrefix, type JobProgress } from "#schemas/jobs/job.ts";

/** Until it is done nobody knows exactly how much there was to read. */
const progressMax = 0.99;

interface Seen {
  readonly rows: number;
  readonly rowsExpected: number;
}

export class StatementProgress {
  readonly #clickhouse: ClickHouse;
  readonly #prefix: string;
  readonly #seen = new Map<string, Seen>();
  #progress = 0;

  constructor(clickhouse: ClickHouse, job: { readonly id: string; readonly attempt: number }) {
    this.#clickhouse = clickhouse;
    this.#prefix = statementPrefix(job.id, job.attempt);
  }

  /** Of the statements that were seen so far; it never goes back. */
  get latest(): JobProgress {
    let [rowsRead, rowsExpected] = [0, 0];
    for (const seen of this.#seen.values()) {
      rowsRead += seen.rows;
      rowsExpected += seen.rowsExpected;
    }
    const share = rowsExpected === 0 ? 0 : Math.min(progressMax, rowsRead / rowsExpected);
    this.#progress = Math.max(this.#progress, share);
    return { progress: this.#progress, rowsRead };
  }

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
}
