// What every query works with; made once in main.ts.
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { Store } from "./store/run-statement.ts";
import type { LogAccess, WatermarkReader } from "./watermark.ts";

export interface QueryContext {
  readonly store: Store;
  readonly postgres: Postgres;
  readonly logAccess: LogAccess;
  readonly watermark: WatermarkReader;
  /** Largest message that the log's server takes: bounds an answer. */
  readonly answerBytesMax: () => number;
  readonly log: Logger;
}
