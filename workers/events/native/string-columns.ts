// String and LowCardinality(String) columns.
import { ByteSink } from "./byte-sink.ts";
import type { Column } from "./column.ts";
import { keptBytesMax } from "./column.ts";

export class StringColumn implements Column {
  readonly name: string;
  readonly type = "String";
  readonly #values = new ByteSink();

  constructor(name: string) {
    this.name = name;
  }

  append(value: string): void {
    this.#values.writeString(value);
  }

  write(out: ByteSink): void {
    out.writeSink(this.#values);
  }

  reset(): void {
    this.#values.reset(keptBytesMax);
  }
}

const initialRows = 1024;
const keptRowsMax = 128 * 1024;

/** Serialization version "shared dictionaries with additional keys": the only one the server knows. */
const keysVersion = 1;
/** Flags of a block that brings its own keys (0x200) and continues no earlier dictionary (0x400). */
const ownKeysFlags = 0x600;

/**
 * LowCardinality(String): each distinct value once, then an index a row in the narrowest width.
 * Index 0 is the empty string, as the server's own output has it, and the most common value here.
 */
export class LowCardinalityColumn implements Column {
  readonly name: string;
  readonly type = "LowCardinality(String)";
  readonly #keys = new ByteSink();
  readonly #indexByKey = new Map<string, number>();
  #indexes = new Uint32Array(initialRows);
  #length = 0;
  #lastKey = "";
  #lastIndex = 0;

  constructor(name: string) {
    this.name = name;
    this.reset();
  }

  append(value: string): void {
    if (this.#length === this.#indexes.length) this.#grow();
    this.#indexes[this.#length++] = value.length === 0 ? 0 : this.#indexOf(value);
  }

  #indexOf(key: string): number {
    if (key === this.#lastKey) return this.#lastIndex;
    let index = this.#indexByKey.get(key);
    if (index === undefined) {
      index = this.#indexByKey.size;
      this.#indexByKey.set(key, index);
      this.#keys.writeString(key);
    }
    this.#lastKey = key;
    this.#lastIndex = index;
    return index;
  }

  #grow(): void {
    const grown = new Uint32Array(this.#indexes.length * 2);
    grown.set(this.#indexes);
    this.#indexes = grown;
  }

  write(out: ByteSink): void {
    const keyCount = this.#indexByKey.size;
    const indexes = this.#indexes.subarray(0, this.#length);
    const width = keyCount <= 0x100 ? 0 : keyCount <= 0x10000 ? 1 : 2;
    out.writeUint64(keysVersion);
    out.writeUint64(ownKeysFlags | width);
    out.writeUint64(keyCount);
    out.writeSink(this.#keys);
    out.writeUint64(this.#length);
    out.writeView(width === 0 ? new Uint8Array(indexes) : width === 1 ? new Uint16Array(indexes) : indexes);
  }

  reset(): void {
    this.#length = 0;
    this.#keys.reset(keptBytesMax);
    this.#indexByKey.clear();
    this.#indexByKey.set("", 0);
    this.#keys.writeString("");
    this.#lastKey = "";
    this.#lastIndex = 0;
    if (this.#indexes.length > keptRowsMax) this.#indexes = new Uint32Array(initialRows);
  }
}
