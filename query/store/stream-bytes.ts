// Runs one statement and hands its bytes on as the reader takes them: nothing is held but one socket's buffers.
// A reader that is slow makes the store wait; one that leaves makes it stop.
import { parseError, type ClickHouseSettings } from "@clickhouse/client";
import { projectParameter } from "../sql/scope.ts";
import { translateStoreError, type Statement, type Store } from "./run-statement.ts";

/**
 * What the store appends when it fails after it had begun to answer. It is at most 16 KB and comes last, so that
 * many bytes are kept back until the end is known to be clean.
 */
const exceptionMark = "__exception__";
const keptBackBytes = 32 * 1024;

export interface StreamOptions {
  readonly projectId: number;
  readonly queryId: string;
  readonly signal: AbortSignal;
  readonly settings: ClickHouseSettings;
  /** The store has begun to answer: errors before it can still have their own status. */
  readonly onStart?: () => void;
  readonly onBytes: (bytes: Uint8Array) => void | Promise<void>;
}

/** The statement ends with its FORMAT. */
export async function streamBytes(
  store: Pick<Store, "clickhouse">,
  statement: Statement,
  options: StreamOptions,
): Promise<void> {
  try {
    const { stream } = await store.clickhouse.exec({
      query: statement.sql,
      query_params: { ...statement.parameters, [projectParameter]: options.projectId },
      query_id: options.queryId,
      abort_signal: options.signal,
      // Long lists of values do not fit into an address.
      use_multipart_params_auto: true,
      clickhouse_settings: options.settings,
    });
    // Whatever ends the loop early, an error of the reader too, closes the connection and so the query.
    options.onStart?.();
    let kept: Buffer = Buffer.alloc(0);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      // A large piece is passed on as it is; only small ones are put together.
      const isLarge = chunk.length >= keptBackBytes;
      if (isLarge && kept.length > 0) await options.onBytes(kept);
      kept = isLarge ? chunk : Buffer.concat([kept, chunk]);
      if (kept.length <= 2 * keptBackBytes && !isLarge) continue;
      const ready = kept.subarray(0, kept.length - keptBackBytes);
      kept = kept.subarray(kept.length - keptBackBytes);
      if (ready.length > 0) await options.onBytes(ready);
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
  throw parseError(text.slice(text.indexOf(exceptionMark)).slice(0, 2000));
}
