// Runs one statement and reads its rows as columns of numbers: what queries that decide in this process work on.
// Measured: 1.2 M rows of three columns in 50 ms; as JSON it would be 900 ms.
import { randomUUID } from "node:crypto";
import { MillraceError } from "#schemas/errors.ts";
import { NativeColumns, type NumberColumn } from "./native-columns.ts";
import { retryWhileAway, settingsOf, type Statement, type Store } from "./run-statement.ts";
import { streamBytes } from "./stream-bytes.ts";

export interface NumberColumns {
  readonly columns: readonly (Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>)[];
  readonly rows: number;
}

/** The statement's columns must be those that `columns` names, in their order and of their types. */
export async function readColumns(
  store: Store,
  statement: Statement,
  options: {
    projectId: number;
    signal: AbortSignal;
    columns: readonly NumberColumn[];
    rowsExpected: number;
    rowsMax: number;
  },
): Promise<NumberColumns> {
  return retryWhileAway(store, options.signal, async () => {
    const end = store.metrics.statementSeconds.startTimer();
    const reader = new NativeColumns(options.columns, {
      rowsExpected: options.rowsExpected,
      rowsMax: options.rowsMax,
      refuse: () =>
        new MillraceError("QUERY_TOO_EXPENSIVE", {
          message: "The query exceeds its rows budget; narrow its range or filters.",
          details: [{ budget: "rows" }],
        }),
    });
    await streamBytes(
      store,
      { ...statement, sql: `${statement.sql}\nFORMAT Native` },
      {
        projectId: options.projectId,
        signal: options.signal,
        queryId: `query-${randomUUID()}`,
        settings: await settingsOf(store),
        onBytes: (bytes) => reader.push(bytes),
      },
    );
    end();
    store.metrics.rowsRead.inc(reader.rows);
    return { columns: reader.finish(), rows: reader.rows };
  });
}
