// Reads the store's Native format into columns of numbers, piece by piece as it arrives. A block is the number of
// its columns and rows, then for each column its name, its type and its values, one after another.
export type NumberType = "UInt32" | "Float64";
type NumberArray = Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

export interface NumberColumn {
  readonly name: string;
  readonly type: NumberType;
}

const arrays = { UInt32: Uint32Array, Float64: Float64Array } as const;
export class NativeColumns {
  rows = 0;
  readonly #columns: readonly NumberColumn[];
  readonly #rowsMax: number;
  readonly #refuse: () => Error;
  #values: NumberArray[];
  #capacity: number;
  /** Bytes of a header that has not arrived whole. */
  #head: Buffer = Buffer.alloc(0);
  #blockRows = 0;
  /** Column of the block that is being read; -1 between blocks. */
  #column = -1;
  /** Bytes that the column still lacks; 0: its header comes next. */
  #missing = 0;

  /** `refuse` makes the error of more than `rowsMax` rows. */
  constructor(
    columns: readonly NumberColumn[],
    options: { rowsExpected: number; rowsMax: number; refuse: () => Error },
  ) {
    this.#columns = columns;
    this.#rowsMax = options.rowsMax;
    this.#refuse = options.refuse;
    this.#capacity = Math.max(1024, Math.min(options.rowsExpected, options.rowsMax));
    this.#values = columns.map(({ type }) => new arrays[type](this.#capacity));
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing > 0) {
        at += this.#copy(chunk, at);
        continue;
      }
      const head = Buffer.concat([this.#head, chunk.subarray(at)]);
      const read = this.#readHead(head);
      if (read === 0) {
        this.#head = head;
        return;
      }
      // What was kept is a part of what was read now.
      at += read - this.#head.length;
      this.#head = Buffer.alloc(0);
    }
  }

  /** The columns in their order. */
  finish(): NumberArray[] {
    if (this.#column !== -1 || this.#head.length > 0) throw new Error("the store's answer ended prematurely");
    return this.#values.map((values) => values.subarray(0, this.rows));
  }

  #copy(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#missing, chunk.length - at);
    const values = this.#values[this.#column] as NumberArray;
    const bytes = new Uint8Array(values.buffer);
    const end = (this.rows + this.#blockRows) * values.BYTES_PER_ELEMENT;
    bytes.set(chunk.subarray(at, at + count), end - this.#missing);
    this.#missing -= count;
    if (this.#missing === 0) this.#endColumn();
    return count;
  }

  #endColumn(): void {
    if (this.#column < this.#columns.length - 1) {
      this.#column += 1;
      return;
    }
    this.rows += this.#blockRows;
    this.#column = -1;
  }

  /** Bytes read, or 0 when more must arrive first. */
  #readHead(head: Buffer): number {
    const reader = new HeadReader(head);
    if (this.#column === -1) {
      const columns = reader.number();
      const rows = reader.number();
      if (rows === undefined) return 0;
      if (columns !== this.#columns.length) {
        throw new Error(`native columns: expected ${this.#columns.length}, the store sent ${columns}`);
      }
      this.#blockRows = rows;
      this.#reserve(this.rows + rows);
      this.#column = 0;
      return reader.at;
    }
    const { name, type } = this.#columns[this.#column] as NumberColumn;
    const gotName = reader.text();
    const gotType = reader.text();
    if (gotType === undefined) return 0;
    if (gotName !== name || gotType !== type) {
      throw new Error(`native columns: expected ${name} ${type}, the store sent ${gotName} ${gotType}`);
    }
    this.#missing = this.#blockRows * arrays[type].BYTES_PER_ELEMENT;
    if (this.#missing === 0) this.#endColumn();
    return reader.at;
  }

  #reserve(rows: number): void {
    if (rows > this.#rowsMax) throw this.#refuse();
    if (rows <= this.#capacity) return;
    this.#capacity = Math.max(rows, Math.min(2 * this.#capacity, this.#rowsMax));
    this.#values = this.#values.map((values, index) => {
      const grown = new arrays[(this.#columns[index] as NumberColumn).type](this.#capacity);
      grown.set(values.subarray(0, this.rows));
      return grown;
    });
  }
}

/** Numbers of variable length and texts of a header; undefined when they have not arrived whole. */
class HeadReader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number | undefined {
    let value = 0;
    for (let factor = 1; this.at < this.#bytes.length; factor *= 128) {
      const byte = this.#bytes[this.at] as number;
      this.at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    return undefined;
  }

  text(): string | undefined {
    const length = this.number();
    if (length === undefined || this.at + length > this.#bytes.length) {
      this.at = this.#bytes.length;
      return undefined;
    }
    this.at += length;
    return this.#bytes.toString("utf8", this.at - length, this.at);
  }
}
