// Runs one statement of an export: no bound on rows, constant memory, and a reader that may take hours.
import { randomUUID } from "node:crypto";
import type { Statement, Store } from "./run-statement.ts";
import { streamBytes } from "./stream-bytes.ts";

/** A reader may pause for this long before the store gives up on it. */
export const streamPauseSecondsMax = 3600;

/** A day: not for ever, and what the store allows its reading user. */
const streamSecondsMax = 86_400;

const memoryBytesMax = 1_000_000_000;

/** `onStart` is called when the store has begun to answer: errors before it can still have their own status. */
export async function streamStatement(
  store: Pick<Store, "clickhouse" | "readOnly">,
  statement: Statement,
  options: {
    projectId: number;
    signal: AbortSignal;
    onStart: () => void;
    onBytes: (bytes: Uint8Array) => Promise<void>;
  },
): Promise<void> {
  await streamBytes(store, statement, {
    ...options,
    queryId: `export-${randomUUID()}`,
    settings: {
      ...(await store.readOnly.read(memoryBytesMax)),
      max_threads: 1,
      max_block_size: "8192",
      max_execution_time: streamSecondsMax,
      http_send_timeout: streamPauseSecondsMax,
      send_timeout: streamPauseSecondsMax,
      prefer_column_name_to_alias: 1,
      // A key with dots is written as it was sent, not as it is stored.
      json_type_escape_dots_in_keys: 1,
      output_format_parquet_row_group_size: "20000",
    } as never,
  });
}
