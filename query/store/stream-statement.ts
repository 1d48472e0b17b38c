// Runs one statement and hands its bytes on as the reader takes them: nothing is held but one socket's buffers.
// A reader that is slow makes the store wait; one that leaves makes it stop.
import { randomUUID } from "node:crypto";
import { MillraceError } from "#schemas/errors.ts";
import { projectParameter } from "../sql/scope.ts";
import { translateStoreError, type Statement, type Store } from "./run-statement.ts";

/** A reader may pause for this long before the store gives up on it. */
export const streamPauseSecondsMax = 3600;

/** A day: not for ever, and what the store allows its reading user. */
const streamSecondsMax = 86_400;

const memoryBytesMax = 1_000_000_000;

/**
 * What the store appends when it fails after it had begun to answer. It is at most 16 KB and comes last, so that
 * many bytes are kept back until the end is known to be clean.
 */
const exceptionMark = "__exception__";
const keptBackBytes = 32 * 1024;

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
  try {
    const { stream } = await store.clickhouse.exec({
      query: statement.sql,
      query_params: { ...statement.parameters, [projectParameter]: options.projectId },
      query_id: `export-${randomUUID()}`,
      abort_signal: options.signal,
      clickhouse_settings: {
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
    // Whatever ends the loop early, an error of the reader too, closes the connection and so the query.
    options.onStart();
    let kept = Buffer.alloc(0);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      kept = Buffer.concat([kept, chunk]);
      if (kept.length <= 2 * keptBackBytes) continue;
      const ready = kept.subarray(0, kept.length - keptBackBytes);
      kept = Buffer.from(kept.subarray(kept.length - keptBackBytes));
      await options.onBytes(ready);
    }
    refuseException(kept);
    if (kept.length > 0) await options.onBytes(kept);
  } catch (error) {
    throw translateStoreError(error, options.signal);
  }
}

function refuseException(tail: Buffer): void {
  const end = tail.toString("latin1", Math.max(0, tail.length - exceptionMark.length - 4));
  if (!end.includes(exceptionMark)) return;
  const text = tail.toString("utf8");
  throw new MillraceError("INTERNAL", {
    cause: new Error(text.slice(text.indexOf(exceptionMark)).slice(0, 2000)),
  });
}
