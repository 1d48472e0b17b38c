// Runs one statement of a query whose rows are too many for JSON: they come as RowBinary, within a query's budget.
import { randomUUID } from "node:crypto";
import { settingsOf, type Statement, type Store } from "./run-statement.ts";
import { streamBytes } from "./stream-bytes.ts";

export async function streamRows(
  store: Store,
  statement: Statement,
  options: { projectId: number; signal: AbortSignal; onBytes: (bytes: Uint8Array) => void },
): Promise<void> {
  const end = store.metrics.statementSeconds.startTimer();
  try {
    await streamBytes(
      store,
      { ...statement, sql: `${statement.sql}\nFORMAT RowBinary` },
      {
        ...options,
        queryId: `query-${randomUUID()}`,
        settings: await settingsOf(store),
      },
    );
  } finally {
    end();
  }
}
