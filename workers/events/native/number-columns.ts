// Fixed-width columns: UInt8/16/32/64 and DateTime64(3). The values of 64 bits are two 32-bit halves,
// because BigInt costs an allocation a value.
import type { ByteSink } from "./byte-sink.ts";
import type { Column } from "./column.ts";

const initialRows = 1024;
/** Rows whose memory is kept between blocks. */
const keptRowsMax = 128 * 1024;
const uint32Range = 2 ** 32;

/** What DateTime64(3) can hold: 1900-01-01T00:00:00.000Z to 2299-12-31T23:59:59.999Z. */
export const dateTimeMsMin = -2_208_988_800_000;
export const dateTimeMsMax = 10_413_791_999_999;

type Words = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

function outOfRange(column: string, value: number): RangeError {
  return new RangeError(`column ${column} cannot hold ${value}`);
}

abstract class WordsColumn<Array extends Words> implements Column {
  readonly name: string;
  readonly type: string;
  protected words: Array;
  protected length = 0;
  readonly #create: (length: number) => Array;

  constructor(name: string, type: string, create: (length: number) => Array) {
    this.name = name;
    this.type = type;
    this.#create = create;
    this.words = create(initialRows);
  }

  protected grow(): void {
    const grown = this.#create(this.words.length * 2);
    grown.set(this.words);
    this.words = grown;
  }

  write(out: ByteSink): void {
    out.writeView(this.words.subarray(0, this.length));
  }

  reset(): void {
    this.length = 0;
    if (this.words.length > keptRowsMax) this.words = this.#create(initialRows);
  }
}

export class UInt8Column extends WordsColumn<Uint8Array<ArrayBuffer>> {
  constructor(name: string) {
    super(name, "UInt8", (length) => new Uint8Array(length));
  }

  append(value: number): void {
    if ((value & 0xff) !== value) throw outOfRange(this.name, value);
    if (this.length === this.words.length) this.grow();
    this.words[this.length++] = value;
  }
}

export class UInt16Column extends WordsColumn<Uint16Array<ArrayBuffer>> {
  constructor(name: string) {
    super(name, "UInt16", (length) => new Uint16Array(length));
  }

  append(value: number): void {
    if ((value & 0xffff) !== value) throw outOfRange(this.name, value);
    if (this.length === this.words.length) this.grow();
    this.words[this.length++] = value;
  }
}

export class UInt32Column extends WordsColumn<Uint32Array<ArrayBuffer>> {
  constructor(name: string) {
    super(name, "UInt32", (length) => new Uint32Array(length));
  }

  append(value: number): void {
    if (value >>> 0 !== value) throw outOfRange(this.name, value);
    if (this.length === this.words.length) this.grow();
    this.words[this.length++] = value;
  }
}

/** UInt64 from a JS number: integers up to 2^53 - 1 only, above that a number is not exact. */
export class UInt64Column extends WordsColumn<Uint32Array<ArrayBuffer>> {
  constructor(name: string) {
    super(name, "UInt64", (length) => new Uint32Array(length));
  }

  append(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw outOfRange(this.name, value);
    if (this.length === this.words.length) this.grow();
    this.words[this.length] = value;
    this.words[this.length + 1] = Math.floor(value / uint32Range);
    this.length += 2;
  }
}

/** DateTime64(3, 'UTC') from epoch milliseconds, a signed 64-bit integer on the wire. */
export class DateTime64Column extends WordsColumn<Uint32Array<ArrayBuffer>> {
  constructor(name: string) {
    super(name, "DateTime64(3, 'UTC')", (length) => new Uint32Array(length));
  }

  append(epochMs: number): void {
    if (!(epochMs >= dateTimeMsMin && epochMs <= dateTimeMsMax) || Math.floor(epochMs) !== epochMs) {
      throw outOfRange(this.name, epochMs);
    }
    if (this.length === this.words.length) this.grow();
    // Storing into a Uint32Array takes the value modulo 2^32, which is the low half also of a negative one.
    this.words[this.length] = epochMs;
    this.words[this.length + 1] = Math.floor(epochMs / uint32Range);
    this.length += 2;
  }
}
