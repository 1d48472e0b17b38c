// One block of ClickHouse's Native format as `INSERT … FORMAT Native` takes it over HTTP. Without a
// client_protocol_version parameter the server reads revision 0: no block info and no flag for custom
// serializations, just the counts and, column by column, name, type and data.
import { allocateBytes, ByteSink } from "./byte-sink.ts";
import type { Column } from "./column.ts";

/** Memory kept between blocks: a block of 50,000 large events. */
const keptBlockBytesMax = 64 * 1024 * 1024;

/** Puts blocks together; keeps the memory in which it does so. */
export class BlockWriter {
  readonly #out = new ByteSink();

  /** The whole block in a buffer of exactly its size and of its own: the caller may transfer it to a thread. */
  write(columns: readonly Column[], rows: number): Buffer {
    // The server refuses an empty block into a table that has more columns than the block.
    if (rows === 0) throw new RangeError("a block without rows cannot be inserted");
    const out = this.#out;
    out.writeVarint(columns.length);
    out.writeVarint(rows);
    for (const column of columns) {
      out.writeString(column.name);
      out.writeString(column.type);
      column.write(out);
    }
    // Touching fresh memory costs more than writing to it (135 ns against 4 ns for 223 bytes), so fresh
    // memory is taken once, and no more than needed.
    const block = allocateBytes(out.length);
    out.bytes.copy(block, 0, 0, out.length);
    out.reset(keptBlockBytesMax);
    return block;
  }
}
