// Objects of one JSON type, taken apart into paths: the rows of the column itself, or the objects inside
// arrays. On the wire: ClickHouse's flattened JSON serialization (structure version 3): the list of paths,
// the prefixes of all of them, then the data of all of them.
import type { ByteSink } from "./byte-sink.ts";
import { DynamicColumn, finiteOrNull, isArray } from "./dynamic-column.ts";
import type { JsonObject, JsonValue, NestedStore, NestedStores } from "./dynamic-column.ts";
import { ArrayOffsets } from "./dynamic-values.ts";
import type { PathBudget, PathNode } from "./path-tree.ts";
import { PathsExceeded, PathTree } from "./path-tree.ts";

const flattenedVersion = 3;

/** Parameters of a JSON type. */
export interface JsonType {
  /** How many types a path may have, and how many paths are columns of their own; the rest is shared. */
  readonly typesMax: number;
  readonly pathsMax: number;
}

/** ClickHouse's defaults, printed as plain "JSON": what it infers for an object among other elements. */
const defaultType: JsonType = { typesMax: 32, pathsMax: 1024 };

/** Deeper values throw; the edge refuses more than 20 levels. */
export const depthMax = 100;

export function tooDeep(): SyntaxError {
  return new SyntaxError(`properties are nested more than ${depthMax} levels deep`);
}

function typeNameOf(type: JsonType): string {
  if (type.typesMax === defaultType.typesMax && type.pathsMax === defaultType.pathsMax) return "JSON";
  return `JSON(max_dynamic_types=${type.typesMax}, max_dynamic_paths=${type.pathsMax})`;
}

/** The type ClickHouse infers for the objects of an array inside `outer`: so both serializations give one type. */
function nestedTypeOf(outer: JsonType): JsonType {
  return { typesMax: outer.typesMax >> 1, pathsMax: outer.pathsMax >> 2 };
}

function nestedStores(type: JsonType, budget: PathBudget, depth: number): NestedStores {
  if (depth > depthMax) throw tooDeep();
  return {
    objectArray: () => new ObjectArrayValues(nestedTypeOf(type), budget, depth + 1),
    mixedArray: () => new MixedArrayValues(nestedStores(type, budget, depth + 1)),
    object: () => new ObjectValues(defaultType, budget, depth + 1),
  };
}

export class ObjectPaths {
  readonly tree: PathTree;
  /** Objects appended in this block. */
  rows = 0;
  readonly #type: JsonType;
  readonly #budget: PathBudget;
  readonly #nested: NestedStores;
  readonly #depth: number;
  /** Paths with a value in this block, in the order in which they came. */
  readonly #active: { readonly node: PathNode; readonly column: DynamicColumn }[] = [];

  constructor(type: JsonType, budget: PathBudget, depth = 1) {
    this.#type = type;
    this.#budget = budget;
    this.#depth = depth;
    this.tree = new PathTree(budget);
    this.#nested = nestedStores(type, budget, depth);
  }

  /** The column of a path, known from here on as having a value in this block: append one. */
  columnOf(node: PathNode): DynamicColumn {
    const column = (node.column ??= new DynamicColumn(this.#nested));
    if (column.valueCount === 0) {
      if (this.#budget.paths >= this.#budget.pathsMax) throw new PathsExceeded(this.#budget.pathsMax);
      this.#budget.paths += 1;
      this.#active.push({ node, column });
    }
    return column;
  }

  /** Appends an object that JSON.parse made. */
  appendObject(value: JsonObject): void {
    this.#appendMembers(this.tree.root, value, this.rows++, this.#depth);
  }

  #appendMembers(parent: PathNode, value: JsonObject, row: number, depth: number): void {
    if (depth > depthMax) throw tooDeep();
    for (const [key, raw] of Object.entries(value)) {
      const member = finiteOrNull(raw);
      if (member === null) continue;
      const node = this.tree.childByKey(parent, key);
      if (typeof member === "object" && !isArray(member)) this.#appendMembers(node, member, row, depth + 1);
      else if (node.column?.has(row) !== true) this.columnOf(node).appendValue(row, member);
    }
  }

  writePrefix(out: ByteSink): void {
    // The server makes columns of the first paths up to the type's limit: let these be the common ones.
    if (this.#active.length > this.#type.pathsMax) {
      this.#active.sort((left, right) => right.column.valueCount - left.column.valueCount);
    }
    out.writeUint64(flattenedVersion);
    out.writeVarint(this.#active.length);
    for (const { node } of this.#active) out.writeString(node.path);
    for (const { column } of this.#active) column.writePrefix(out);
  }

  writeData(out: ByteSink): void {
    for (const { column } of this.#active) column.writeData(out, this.rows);
  }

  reset(): void {
    for (const { column } of this.#active) column.reset();
    this.#active.length = 0;
    this.rows = 0;
  }
}

/** JSON as one of several types of an element. */
class ObjectValues implements NestedStore<JsonObject> {
  readonly #paths: ObjectPaths;
  readonly #type: JsonType;

  constructor(type: JsonType, budget: PathBudget, depth: number) {
    this.#type = type;
    this.#paths = new ObjectPaths(type, budget, depth);
  }

  typeName(): string {
    return typeNameOf(this.#type);
  }

  append(value: JsonObject): void {
    this.#paths.appendObject(value);
  }

  writePrefix(out: ByteSink): void {
    this.#paths.writePrefix(out);
  }

  writeData(out: ByteSink): void {
    this.#paths.writeData(out);
  }

  reset(): void {
    this.#paths.reset();
  }
}

/** Array(JSON(…)): arrays whose elements are all objects, like the products of an order. */
class ObjectArrayValues implements NestedStore<readonly JsonObject[]> {
  readonly #offsets = new ArrayOffsets();
  readonly #elements: ObjectValues;

  constructor(type: JsonType, budget: PathBudget, depth: number) {
    this.#elements = new ObjectValues(type, budget, depth);
  }

  typeName(): string {
    return `Array(${this.#elements.typeName()})`;
  }

  append(values: readonly JsonObject[]): void {
    this.#offsets.append(values.length);
    for (const value of values) this.#elements.append(value);
  }

  writePrefix(out: ByteSink): void {
    this.#elements.writePrefix(out);
  }

  writeData(out: ByteSink): void {
    this.#offsets.write(out);
    this.#elements.writeData(out);
  }

  reset(): void {
    this.#offsets.reset();
    this.#elements.reset();
  }
}

/** Array(Dynamic): everything else an array can hold. */
class MixedArrayValues implements NestedStore<readonly JsonValue[]> {
  readonly #offsets = new ArrayOffsets();
  readonly #elements: DynamicColumn;
  #count = 0;

  constructor(nested: NestedStores) {
    this.#elements = new DynamicColumn(nested);
  }

  typeName(): string {
    return "Array(Dynamic)";
  }

  append(values: readonly JsonValue[]): void {
    this.#offsets.append(values.length);
    for (const value of values) {
      if (value !== null) this.#elements.appendValue(this.#count, value);
      this.#count += 1;
    }
  }

  writePrefix(out: ByteSink): void {
    this.#elements.writePrefix(out);
  }

  writeData(out: ByteSink): void {
    this.#offsets.write(out);
    this.#elements.writeData(out, this.#count);
  }

  reset(): void {
    this.#offsets.reset();
    this.#elements.reset();
    this.#count = 0;
  }
}
