// The values of one type inside a JSON path, densely, without rows: strings, numbers, booleans and arrays of
// them. A path (dynamic-column.ts) owns one store for each type that occurs in it.
import { ByteSink } from "./byte-sink.ts";
import { keptBytesMax } from "./column.ts";

const initialValues = 64;
const keptValuesMax = 64 * 1024;
const uint32Range = 2 ** 32;

export interface ValueStore {
  typeName(): string;
  /** The state prefix: only types that contain Dynamic or JSON have one. */
  writePrefix(out: ByteSink): void;
  writeData(out: ByteSink): void;
  reset(): void;
}

/** An element of an array of scalars, as JSON.parse made it. */
export type Scalar = string | number | boolean | null;

/** A store of scalars that also takes the filler under a null of a Nullable column. */
interface ScalarStore extends ValueStore {
  append(value: Scalar): void;
}

export class StringValues implements ScalarStore {
  readonly sink = new ByteSink();

  typeName(): string {
    return "String";
  }

  append(value: Scalar): void {
    this.sink.writeString(value === null ? "" : (value as string));
  }

  writePrefix(): void {}

  writeData(out: ByteSink): void {
    out.writeSink(this.sink);
  }

  reset(): void {
    this.sink.reset(keptBytesMax);
  }
}

/**
 * Numbers of one block: Int64 when all are safe integers, otherwise all Float64, which holds every safe
 * integer exactly. One type a path and block is cheaper for both sides than a mix of two.
 */
export class NumberValues implements ScalarStore {
  #values = new Float64Array(initialValues);
  #count = 0;
  #integersOnly = true;

  typeName(): string {
    return this.#integersOnly ? "Int64" : "Float64";
  }

  append(value: Scalar): void {
    this.appendNumber(value === null ? 0 : (value as number));
  }

  appendNumber(value: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count++] = value;
    if (this.#integersOnly && !Number.isSafeInteger(value)) this.#integersOnly = false;
  }

  writePrefix(): void {}

  writeData(out: ByteSink): void {
    const values = this.#values.subarray(0, this.#count);
    if (!this.#integersOnly) {
      out.writeView(values);
      return;
    }
    const halves = new Uint32Array(this.#count * 2);
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] as number;
      // Storing takes the value modulo 2^32: the low half, also of a negative number.
      halves[index * 2] = value;
      halves[index * 2 + 1] = Math.floor(value / uint32Range);
    }
    out.writeView(halves);
  }

  reset(): void {
    this.#count = 0;
    this.#integersOnly = true;
    if (this.#values.length > keptValuesMax) this.#values = new Float64Array(initialValues);
  }
}

export class BooleanValues implements ScalarStore {
  readonly #sink = new ByteSink(initialValues);

  typeName(): string {
    return "Bool";
  }

  append(value: Scalar): void {
    this.#sink.writeByte(value === true ? 1 : 0);
  }

  writePrefix(): void {}

  writeData(out: ByteSink): void {
    out.writeSink(this.#sink);
  }

  reset(): void {
    this.#sink.reset(keptBytesMax);
  }
}

/** Where each array of a store ends, counted in elements: UInt64 on the wire, 32 bits are enough here. */
export class ArrayOffsets {
  readonly #sink = new ByteSink(initialValues);
  #end = 0;

  append(elements: number): void {
    this.#end += elements;
    this.#sink.writeUint64(this.#end);
  }

  write(out: ByteSink): void {
    out.writeSink(this.#sink);
  }

  reset(): void {
    this.#end = 0;
    this.#sink.reset(keptBytesMax);
  }
}

/** Array(Nullable(T)) of one scalar type. */
export class ScalarArrayValues implements ValueStore {
  readonly #offsets = new ArrayOffsets();
  readonly #nulls = new ByteSink(initialValues);
  readonly #elements: ScalarStore;

  constructor(elements: ScalarStore) {
    this.#elements = elements;
  }

  typeName(): string {
    return `Array(Nullable(${this.#elements.typeName()}))`;
  }

  append(values: readonly Scalar[]): void {
    this.#offsets.append(values.length);
    for (const value of values) {
      this.#nulls.writeByte(value === null ? 1 : 0);
      this.#elements.append(value);
    }
  }

  writePrefix(): void {}

  writeData(out: ByteSink): void {
    this.#offsets.write(out);
    out.writeSink(this.#nulls);
    this.#elements.writeData(out);
  }

  reset(): void {
    this.#offsets.reset();
    this.#nulls.reset(keptBytesMax);
    this.#elements.reset();
  }
}
