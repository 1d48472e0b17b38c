// Runs one statement on the analytics store: for one project, within a budget, cancelled with the caller,
// its errors translated to codes. Nothing else of this tier talks to the store, except streamed exports.
import { randomUUID } from "node:crypto";
import { ClickHouseError, type ClickHouseSettings } from "@clickhouse/client";
import { MillraceError } from "#schemas/errors.ts";
import { projectLimitsDefault } from "#schemas/projects/limits.ts";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { projectParameter } from "../sql/scope.ts";
import type { QueryMetrics } from "../metrics.ts";
import type { ReadOnlySettings } from "./read-only.ts";

export interface Store {
  readonly clickhouse: ClickHouse;
  readonly readOnly: ReadOnlySettings;
  readonly metrics: QueryMetrics;
  /** Of whoever asks; `statementBudget` when absent. */
  readonly budget?: StatementBudget;
  /** True when nobody waits for the answer: as many rows are read as there are. */
  readonly inBackground?: boolean;
}

export interface StatementBudget {
  readonly secondsMax: number;
  readonly memoryBytesMax: number;
  readonly rowsReadMax: number;
  /** True when the statement should leave half of the store's threads to others; asked when it begins. */
  readonly shares?: () => boolean;
}

export interface Statement {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface StatementResult {
  readonly rows: readonly (readonly unknown[])[];
  readonly rowsRead: number;
}

/** What one statement may use when nothing else was said. */
export const statementBudget: StatementBudget = {
  secondsMax: projectLimitsDefault.seconds_max,
  memoryBytesMax: projectLimitsDefault.memory_bytes_max,
  rowsReadMax: projectLimitsDefault.rows_read_max,
};

/** The settings that hold a statement to its budget. */
export async function settingsOf(store: Pick<Store, "readOnly" | "budget">): Promise<ClickHouseSettings> {
  const { secondsMax, memoryBytesMax, rowsReadMax, shares } = store.budget ?? statementBudget;
  return {
    ...(await store.readOnly.read(memoryBytesMax)),
    ...(shares?.() === true ? { max_threads: await store.readOnly.halfOfThreads() } : {}),
    max_execution_time: secondsMax,
    max_rows_to_read: String(rowsReadMax),
  };
}

/** How long a store that is away is tried again before the caller is told. */
const retryMsMax = 2_000;
const retryFirstMs = 100;

export async function runStatement(
  store: Store,
  statement: Statement,
  options: { projectId: number; signal: AbortSignal },
): Promise<StatementResult> {
  return retryWhileAway(store, options.signal, () => runOnce(store, statement, options));
}

/** Tries again while the store is away, for a short time; throws coded errors. */
export async function retryWhileAway<T>(
  store: Pick<Store, "metrics">,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  const startedMs = performance.now();
  for (let waitMs = retryFirstMs; ; waitMs *= 2) {
    try {
      return await run();
    } catch (error) {
      const coded = translateStoreError(error, signal);
      const giveUp = performance.now() - startedMs + waitMs > retryMsMax;
      if (coded.code !== "STORE_UNAVAILABLE" || giveUp) {
        store.metrics.statementErrors.inc({ code: coded.code });
        throw coded;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

async function runOnce(
  store: Store,
  statement: Statement,
  options: { projectId: number; signal: AbortSignal },
): Promise<StatementResult> {
  const end = store.metrics.statementSeconds.startTimer();
  const result = await store.clickhouse.query({
    query: statement.sql,
    query_params: { ...statement.parameters, [projectParameter]: options.projectId },
    format: "JSONCompact",
    query_id: `query-${randomUUID()}`,
    abort_signal: options.signal,
    // Long lists of values do not fit into an address.
    use_multipart_params_auto: true,
    clickhouse_settings: {
      ...(await settingsOf(store)),
      output_format_json_quote_64bit_integers: 0,
    },
  });
  const answer = await result.json<unknown[]>();
  end();
  const rowsRead = answer.statistics?.rows_read ?? 0;
  store.metrics.rowsRead.inc(rowsRead);
  return { rows: answer.data, rowsRead };
}

/** Codes of the store that mean: this query wants too much. */
const tooExpensive: Readonly<Record<string, string>> = {
  "158": "rows",
  "159": "time",
  "160": "time",
  "241": "memory",
  "307": "rows",
  "396": "rows",
};
/** Codes that pass: too many queries at once, the server is stopping, a connection broke. */
const passing = new Set(["202", "209", "210", "236", "394", "439"]);

export function translateStoreError(error: unknown, signal: AbortSignal): MillraceError {
  if (error instanceof MillraceError) return error;
  if (signal.aborted) return new MillraceError("SHUTTING_DOWN", { message: "the caller left", cause: error });
  if (error instanceof ClickHouseError) {
    const budget = tooExpensive[error.code];
    // "(total)": the server as a whole is out of memory, whatever this query asked.
    if (budget !== undefined && !error.message.includes("(total)")) {
      return new MillraceError("QUERY_TOO_EXPENSIVE", {
        message: `The query exceeds its ${budget} budget; narrow its range or filters.`,
        details: [{ budget }],
        cause: error,
      });
    }
    if (budget === undefined && !passing.has(error.code)) {
      return new MillraceError("INTERNAL", { cause: error });
    }
  } else if (!isConnectionError(error)) {
    return new MillraceError("INTERNAL", { cause: error });
  }
  return new MillraceError("STORE_UNAVAILABLE", { retryAfterSeconds: 1, cause: error });
}

function isConnectionError(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  if (typeof code === "string" && /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_|ENOTFOUND|UND_)/.test(code))
    return true;
  return /timeout|socket hang up|aborted|ended prematurely/i.test(message ?? "");
}
