// One path of a JSON column: for every row which type its value has (or none), and the values type by type.
// On the wire this is ClickHouse's flattened Dynamic serialization (structure version 3): type names, then
// one type index a row (the number of types meaning null), then the values of each type.
import type { ByteSink } from "./byte-sink.ts";
import type { Scalar, ValueStore } from "./dynamic-values.ts";
import { BooleanValues, NumberValues, ScalarArrayValues, StringValues } from "./dynamic-values.ts";

const flattenedVersion = 3;
const initialRows = 64;
const keptRowsMax = 128 * 1024;
const unused = -1;

export type JsonValue = Scalar | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** Array.isArray that narrows readonly arrays. */
export function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

type ArrayKind = "strings" | "numbers" | "booleans" | "objects" | "mixed";

/** A store of values that contain JSON or Dynamic themselves. */
export interface NestedStore<Value> extends ValueStore {
  append(value: Value): void;
}

/** Makes the stores that contain JSON or Dynamic themselves (object-paths.ts), when such a value first occurs. */
export interface NestedStores {
  /** Array(JSON(…)) */
  objectArray(): NestedStore<readonly JsonObject[]>;
  /** Array(Dynamic): elements of several types, arrays in arrays, nulls among objects. */
  mixedArray(): NestedStore<readonly JsonValue[]>;
  /** JSON: an object among other elements of such an array. */
  object(): NestedStore<JsonObject>;
}

/** The narrowest array type that holds every element exactly; an empty array is one of strings, as in ClickHouse. */
export function arrayKindOf(values: readonly JsonValue[]): ArrayKind {
  let kind: ArrayKind | undefined;
  let nulls = false;
  for (const value of values) {
    let own: ArrayKind;
    if (value === null) {
      nulls = true;
      continue;
    } else if (typeof value === "string") own = "strings";
    else if (typeof value === "number") own = "numbers";
    else if (typeof value === "boolean") own = "booleans";
    else if (isArray(value)) return "mixed";
    else own = "objects";
    if (kind !== undefined && kind !== own) return "mixed";
    kind = own;
  }
  // A JSON element cannot be null, a Dynamic one can.
  return kind === "objects" && nulls ? "mixed" : (kind ?? "strings");
}

/** JSON.stringify turns numbers that JSON cannot write into null; here they come from literals like 1e999. */
export function finiteOrNull(value: JsonValue): JsonValue {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

export class DynamicColumn {
  /** Type index of every row; rows without a value hold the number of types, as the format wants it. */
  #kinds = new Uint8Array(initialRows);
  #lastRow = -1;
  /** Stores in use, in the order of their type index. */
  readonly #used: ValueStore[] = [];
  readonly #strings = new StringValues();
  #stringsIndex = unused;
  readonly #numbers = new NumberValues();
  #numbersIndex = unused;
  readonly #booleans = new BooleanValues();
  #booleansIndex = unused;
  /** Arrays and, inside arrays of mixed elements, objects: made when they first occur. */
  readonly #others = new Map<ArrayKind | "object", NestedStore<never>>();
  readonly #nested: NestedStores;
  /** Rows with a value: which paths become columns of their own when there are more than the table's limit. */
  valueCount = 0;

  constructor(nested: NestedStores) {
    this.#nested = nested;
  }

  /** Whether `row` already has a value here: of duplicate paths the first wins. */
  has(row: number): boolean {
    return this.#lastRow === row;
  }

  appendNumber(row: number, value: number): void {
    if (this.#numbersIndex === unused) this.#numbersIndex = this.#use(this.#numbers);
    this.#setKind(row, this.#numbersIndex);
    this.#numbers.appendNumber(value);
  }

  appendBoolean(row: number, value: boolean): void {
    if (this.#booleansIndex === unused) this.#booleansIndex = this.#use(this.#booleans);
    this.#setKind(row, this.#booleansIndex);
    this.#booleans.append(value);
  }

  appendString(row: number, value: string): void {
    this.stringSink(row).writeString(value);
  }

  /** Marks `row` as a string and answers where its bytes go: the caller must write exactly one string. */
  stringSink(row: number): ByteSink {
    if (this.#stringsIndex === unused) this.#stringsIndex = this.#use(this.#strings);
    this.#setKind(row, this.#stringsIndex);
    return this.#strings.sink;
  }

  appendArray(row: number, parsed: readonly JsonValue[]): void {
    const values = parsed.map(finiteOrNull);
    const kind = arrayKindOf(values);
    this.#appendOther(row, kind, values);
  }

  /** Any value but null; objects only as elements of mixed arrays (elsewhere they are paths). */
  appendValue(row: number, value: Exclude<JsonValue, null>): void {
    if (typeof value === "string") this.appendString(row, value);
    else if (typeof value === "number") this.appendNumber(row, value);
    else if (typeof value === "boolean") this.appendBoolean(row, value);
    else if (isArray(value)) this.appendArray(row, value);
    else this.#appendOther(row, "object", value);
  }

  #appendOther(row: number, kind: ArrayKind | "object", value: JsonValue): void {
    let store = this.#others.get(kind);
    if (!store) {
      store = this.#createOther(kind);
      this.#others.set(kind, store);
    }
    const index = this.#used.indexOf(store);
    this.#setKind(row, index === -1 ? this.#use(store) : index);
    store.append(value as never);
  }

  #createOther(kind: ArrayKind | "object"): NestedStore<never> {
    switch (kind) {
      case "strings":
        return new ScalarArrayValues(new StringValues());
      case "numbers":
        return new ScalarArrayValues(new NumberValues());
      case "booleans":
        return new ScalarArrayValues(new BooleanValues());
      case "objects":
        return this.#nested.objectArray();
      case "mixed":
        return this.#nested.mixedArray();
      case "object":
        return this.#nested.object();
    }
  }

  #setKind(row: number, kind: number): void {
    if (row >= this.#kinds.length) this.#grow(row);
    this.#kinds[row] = kind;
    this.#lastRow = row;
    this.valueCount += 1;
  }

  /** A type occurs for the first time in this block: null, which is the number of types, moves up by one. */
  #use(store: ValueStore): number {
    const index = this.#used.push(store) - 1;
    if (index === 0) this.#kinds.fill(1);
    else {
      for (let row = 0; row < this.#kinds.length; row += 1) {
        if (this.#kinds[row] === index) this.#kinds[row] = index + 1;
      }
    }
    return index;
  }

  #grow(row: number): void {
    const grown = new Uint8Array(Math.max(this.#kinds.length * 2, row + 1)).fill(this.#used.length);
    grown.set(this.#kinds);
    this.#kinds = grown;
  }

  writePrefix(out: ByteSink): void {
    out.writeUint64(flattenedVersion);
    out.writeVarint(this.#used.length);
    for (const store of this.#used) out.writeString(store.typeName());
    for (const store of this.#used) store.writePrefix(out);
  }

  writeData(out: ByteSink, rows: number): void {
    if (rows > this.#kinds.length) this.#grow(rows - 1);
    out.writeView(this.#kinds.subarray(0, rows));
    for (const store of this.#used) store.writeData(out);
  }

  reset(): void {
    for (const store of this.#used) store.reset();
    this.#used.length = 0;
    this.#stringsIndex = unused;
    this.#numbersIndex = unused;
    this.#booleansIndex = unused;
    this.#lastRow = -1;
    this.valueCount = 0;
    if (this.#kinds.length > keptRowsMax) this.#kinds = new Uint8Array(initialRows);
    else this.#kinds.fill(0);
  }
}
