// What one column of a Native block must be able to do. A column is filled row by row and written once.
import type { ByteSink } from "./byte-sink.ts";

export interface Column {
  readonly name: string;
  /** The ClickHouse type as the table declares it, so that the server converts nothing. */
  readonly type: string;
  /** Appends the column's data (state prefix included) for the rows appended since `reset`. */
  write(out: ByteSink): void;
  /** Forgets the rows; keeps memory within `keptBytesMax` for the next block. */
  reset(): void;
}

/** Memory one buffer may keep between blocks: enough for 20,000 rows of 800-byte strings. */
export const keptBytesMax = 16 * 1024 * 1024;
