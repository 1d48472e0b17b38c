// The pipeline's last step: one block of rows into the table of events, under the batch's token, which the
// store applies to the table and to everything that depends on it; before it what the events say of their users, so
// that nobody sees the events without it, and after it the outcomes.
import { ClickHouseError } from "@clickhouse/client";
import { Readable } from "node:stream";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { insertOnce } from "../insert-once.ts";
import { eventsInsertSettings } from "./native/events-block.ts";

const retryMsMin = 50;
const retryMsMax = 5_000;
const insertSecondsMax = 60;
/** Tries of a batch that the store refuses because of its content, before the batch is given up as dead. */
const contentTriesMax = 5;

/** Codes of the store that blame the data: repeating helps only if they were wrong. Others are waited out. */
const contentErrorTypes =
  /^(CANNOT_|TYPE_MISMATCH|INCORRECT_DATA|ILLEGAL_COLUMN|TOO_LARGE_|ARGUMENT_OUT_OF_BOUND|SIZES_OF_COLUMNS|UNKNOWN_TYPE|ATTEMPT_TO_READ_AFTER_EOF|UNEXPECTED_)/;
const alwaysWaitedOut =
  /^(CANNOT_ALLOCATE_MEMORY|CANNOT_SCHEDULE_TASK|CANNOT_(OPEN|WRITE|READ|FSYNC|CREATE|STAT|RENAME|UNLINK))/;

export class RefusedContentError extends Error {
  constructor(cause: unknown) {
    super("the store refuses the batch because of its content", { cause });
    this.name = "RefusedContentError";
  }
}

interface StoreOptions {
  clickhouse: ClickHouse;
  log: Logger;
  /** Aborted when the owner lost its lease or stops waiting. */
  signal: AbortSignal;
}

/**
 * Resolves once the rows are stored and synced. The store being away is waited out with growing, jittered
 * delays; content that the store refuses ends in RefusedContentError.
 */
export async function storeBatch(
  options: StoreOptions,
  batch: {
    token: string;
    rowsBlock: Uint8Array | undefined;
    userPropertiesBlock: Uint8Array | undefined;
    outcomesBlock: Uint8Array | undefined;
  },
): Promise<void> {
  if (batch.userPropertiesBlock) {
    const token = `${batch.token}-properties`;
    await insert(options, "user_properties", "JSONEachRow", batch.userPropertiesBlock, token);
  }
  if (batch.rowsBlock) await insert(options, "events", "Native", batch.rowsBlock, batch.token);
  if (batch.outcomesBlock) {
    await insert(options, "event_outcomes", "JSONEachRow", batch.outcomesBlock, `${batch.token}-outcomes`);
  }
}

async function insert(
  options: StoreOptions,
  table: "events" | "event_outcomes" | "user_properties",
  format: "Native" | "JSONEachRow",
  block: Uint8Array,
  token: string,
): Promise<void> {
  let delayMs = retryMsMin;
  let contentTries = 0;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      const result = await options.clickhouse.exec({
        query: `INSERT INTO ${table} FORMAT ${format}`,
        values: Readable.from([Buffer.from(block.buffer, block.byteOffset, block.byteLength)], {
          objectMode: false,
        }),
        clickhouse_settings: {
          ...insertOnce(token),
          ...eventsInsertSettings,
          max_execution_time: insertSecondsMax,
        },
        abort_signal: options.signal,
      });
      result.stream.resume();
      return;
    } catch (error) {
      options.signal.throwIfAborted();
      const type = error instanceof ClickHouseError ? (error.type ?? "") : "";
      const content = contentErrorTypes.test(type) && !alwaysWaitedOut.test(type);
      if (content && (contentTries += 1) >= contentTriesMax) throw new RefusedContentError(error);
      options.log.warn({ err: error, table, token, delayMs }, "insert failed, trying again");
      await pause(delayMs * (0.5 + Math.random() / 2), options.signal);
      delayMs = Math.min(delayMs * 2, retryMsMax);
    }
  }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
