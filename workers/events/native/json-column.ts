// The JSON column. Rows are JSON texts; normally they are taken apart into typed paths (2.3 µs an event in
// ClickHouse), and when a block has more distinct paths than that pays for, all rows are sent as text
// (5.7 µs), still in the same block. Reading back gives the same JSON either way.
//
// What ClickHouse's JSON type itself does not keep: null members, empty objects as members (not as elements
// of arrays), the order of keys, and the difference between a key "a%2Eb" and a key "a.b" (both print "a.b").
import type { ByteSink } from "./byte-sink.ts";
import type { Column } from "./column.ts";
import { isArray } from "./dynamic-column.ts";
import type { JsonObject, JsonValue } from "./dynamic-column.ts";
import { JsonScanner } from "./json-scanner.ts";
import { holdsNullElement, toServerJson } from "./json-text.ts";
import { depthMax, ObjectPaths } from "./object-paths.ts";
import type { PathBudget } from "./path-tree.ts";
import { PathsExceeded } from "./path-tree.ts";

/** Structure version of JSON sent as text. */
const textVersion = 1;

/**
 * Distinct paths a block may have before it is sent as text. Native costs a byte a row and path: inserting
 * 20,000 rows of five properties takes 13 ms for 5 paths, 160 for 150, 400 for 500, 590 for 1,000; as text 350 ms
 * however many.
 */
const pathsPerBlockMaxDefault = 600;

/** Paths a block may have that is not exact as text: beyond, nulls in arrays may read back as [] or {}. */
const pathsForExactnessMax = 2000;

/** Tree nodes and text bytes after which the paths' memory is given back and built anew. */
const keptNodesMax = 4 * pathsPerBlockMaxDefault;
const keptTextMax = 64 * 1024 * 1024;

/** What ClickHouse assumes when the type does not say max_dynamic_types. */
const defaultTypesMax = 32;

function depthOf(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 0;
  let deepest = 0;
  for (const member of Object.values(value)) deepest = Math.max(deepest, depthOf(member));
  return deepest + 1;
}

function isStorable(text: string): boolean {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return false;
  }
  return typeof value === "object" && value !== null && !isArray(value) && depthOf(value) <= depthMax;
}

export class JsonColumn implements Column {
  readonly name: string;
  readonly type: string;
  readonly #pathsMax: number;
  readonly #pathsPerBlockMax: number;
  #budget!: PathBudget;
  #paths!: ObjectPaths;
  #scanner!: JsonScanner;
  readonly #texts: string[] = [];
  #textUnits = 0;
  #asText: boolean;
  /** A text of this block was refused after some of its values had been taken. */
  #careful = false;
  /** Text read since the paths were made: what bounds the memory they keep. */
  #keptTextUnits = 0;

  /** `pathsMax` is the max_dynamic_paths of the table's column; `pathsPerBlockMax` 0 sends all rows as text. */
  constructor(name: string, pathsMax: number, pathsPerBlockMax = pathsPerBlockMaxDefault) {
    this.#pathsPerBlockMax = pathsPerBlockMax;
    this.name = name;
    this.type = `JSON(max_dynamic_paths=${pathsMax})`;
    this.#pathsMax = pathsMax;
    this.#asText = pathsPerBlockMax === 0;
    this.#makePaths();
  }

  #makePaths(): void {
    this.#budget = { paths: 0, pathsMax: this.#pathsPerBlockMax, nodes: 0 };
    this.#paths = new ObjectPaths({ typesMax: defaultTypesMax, pathsMax: this.#pathsMax }, this.#budget);
    this.#scanner = new JsonScanner(this.#paths);
    this.#keptTextUnits = 0;
  }

  /** Whether this block goes as text, if that is exact. */
  get asText(): boolean {
    return this.#asText;
  }

  /** Appends one object; answers false, and leaves the row out, when `text` is not JSON of an object we store. */
  append(text: string): boolean {
    if ((this.#careful || this.#asText) && !isStorable(text)) return false;
    if (!this.#asText && !this.#scan(text)) return false;
    this.#texts.push(text);
    this.#textUnits += text.length;
    return true;
  }

  #scan(text: string): boolean {
    try {
      this.#scanner.appendRow(text);
      return true;
    } catch (error) {
      if (error instanceof PathsExceeded) {
        this.#asText = true;
        this.#clearPaths();
        return isStorable(text);
      }
      if (!(error instanceof SyntaxError) || this.#careful) throw error;
    }
    // Half of the row is in the paths: read the others again. From here on each text is parsed before it is
    // scanned, so that this happens once a block.
    this.#careful = true;
    this.#clearPaths();
    for (const intact of this.#texts) this.#scanner.appendRow(intact);
    return false;
  }

  #clearPaths(): void {
    this.#paths.reset();
    this.#budget.paths = 0;
  }

  write(out: ByteSink): void {
    const serverTexts = this.#asText ? this.#serverTexts() : undefined;
    if (serverTexts === undefined) {
      this.#paths.writePrefix(out);
      this.#paths.writeData(out);
      return;
    }
    out.writeUint64(textVersion);
    for (const text of serverTexts) out.writeString(text);
  }

  /** The rows as ClickHouse's parser takes them; undefined when they are not exact as text, and now in the paths. */
  #serverTexts(): string[] | undefined {
    let exact = true;
    const serverTexts = this.#texts.map((text) => {
      const value = JSON.parse(text) as JsonObject;
      exact &&= !holdsNullElement(value);
      return toServerJson(value);
    });
    return exact || !this.#scanAll(pathsForExactnessMax) ? serverTexts : undefined;
  }

  /** Takes all texts of this block apart; false when they have more paths than `pathsMax`. */
  #scanAll(pathsMax: number): boolean {
    this.#budget.pathsMax = pathsMax;
    try {
      for (const text of this.#texts) this.#scanner.appendRow(text);
      return true;
    } catch (error) {
      if (error instanceof PathsExceeded) return false;
      throw error;
    }
  }

  reset(): void {
    this.#keptTextUnits += this.#textUnits;
    this.#texts.length = 0;
    this.#textUnits = 0;
    this.#careful = false;
    this.#asText = this.#pathsPerBlockMax === 0;
    this.#budget.pathsMax = this.#pathsPerBlockMax;
    if (this.#budget.nodes > keptNodesMax || this.#keptTextUnits > keptTextMax) {
      this.#makePaths();
    } else {
      this.#clearPaths();
    }
  }
}
