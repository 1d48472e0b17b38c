// The paths of a JSON column as a tree of keys. It stays from block to block, so that a key is turned into a
// path once, and it is looked up by the bytes of the JSON text, so that no key becomes a JS string.
import type { DynamicColumn } from "./dynamic-column.ts";
import { allocateBytes } from "./byte-sink.ts";

const quote = 0x22;
const fnvOffset = 0x811c9dc5 | 0;
const fnvPrime = 0x01000193;

/** Bounds one block of a JSON column, nested objects of arrays included. */
export interface PathBudget {
  /** Distinct paths with a value in this block. */
  paths: number;
  pathsMax: number;
  /** Tree nodes made since the column was made: paths of earlier blocks and their parents too. */
  nodes: number;
}

/** Thrown in the middle of a row: the block has more paths than its budget, and the row is not whole. */
export class PathsExceeded extends Error {
  constructor(pathsMax: number) {
    super(`more than ${pathsMax} paths in one block`);
    this.name = "PathsExceeded";
  }
}

export class PathNode {
  readonly id: number;
  readonly parentId: number;
  /** The whole path as ClickHouse writes it: keys joined by dots, dots inside a key as %2E. */
  readonly path: string;
  /** The key's UTF-8 bytes and the closing quote: what the scanner compares. */
  readonly quotedKey: Uint8Array;
  readonly hash: number;
  readonly children = new Map<string, PathNode>();
  column: DynamicColumn | null = null;
  /** Guesses: the first key inside this object, and the key that follows this one, as the last event had them. */
  firstGuess: PathNode | null = null;
  nextGuess: PathNode | null = null;

  constructor(id: number, parentId: number, path: string, quotedKey: Uint8Array, hash: number) {
    this.id = id;
    this.parentId = parentId;
    this.path = path;
    this.quotedKey = quotedKey;
    this.hash = hash;
  }
}

/** ClickHouse's own escaping (json_type_escape_dots_in_keys=1), undone when it prints the object. */
export function escapeKey(key: string): string {
  return key.includes(".") ? key.replaceAll(".", "%2E") : key;
}

/** FNV-1a over the key's bytes, begun from the parent, so that one table serves all levels. */
export function hashStart(parentId: number): number {
  return Math.imul(fnvOffset ^ parentId, fnvPrime);
}

export function hashStep(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, fnvPrime);
}

export class PathTree {
  readonly root: PathNode;
  readonly #budget: PathBudget;
  /** Open addressing by hash, at most half full. */
  #table: (PathNode | null)[] = new Array<PathNode | null>(64).fill(null);
  #count = 0;

  constructor(budget: PathBudget) {
    this.#budget = budget;
    this.root = new PathNode(0, -1, "", new Uint8Array(0), 0);
  }

  /** The child of `parent` whose key is `bytes[from..to)` without escapes; `hash` is the hash of these bytes. */
  childByBytes(parent: PathNode, bytes: Buffer, from: number, to: number, hash: number): PathNode {
    const mask = this.#table.length - 1;
    const length = to - from;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const node = this.#table[slot] as PathNode | null;
      if (node === null) return this.childByKey(parent, bytes.toString("utf8", from, to));
      if (node.hash !== hash || node.parentId !== parent.id || node.quotedKey.length !== length + 1) continue;
      const key = node.quotedKey;
      let index = 0;
      while (index < length && key[index] === bytes[from + index]) index += 1;
      if (index === length) return node;
    }
  }

  childByKey(parent: PathNode, key: string): PathNode {
    const known = parent.children.get(key);
    if (known) return known;
    // Keys that give one path must be one node: lone surrogates become U+FFFD in bytes, and ClickHouse reads
    // %2E in a path as a dot inside a key. Such keys take this slow way each time.
    const canonical = key.toWellFormed().replaceAll("%2E", ".");
    if (canonical !== key) return this.childByKey(parent, canonical);
    const node = this.#create(parent, key);
    parent.children.set(key, node);
    return node;
  }

  #create(parent: PathNode, key: string): PathNode {
    const quotedKey = allocateBytes(Buffer.byteLength(key) + 1);
    quotedKey.write(key);
    quotedKey[quotedKey.length - 1] = quote;
    let hash = hashStart(parent.id);
    for (let index = 0; index < quotedKey.length - 1; index += 1) {
      hash = hashStep(hash, quotedKey[index] as number);
    }
    this.#count += 1;
    this.#budget.nodes += 1;
    const path = parent === this.root ? escapeKey(key) : `${parent.path}.${escapeKey(key)}`;
    const node = new PathNode(this.#count, parent.id, path, quotedKey, hash);
    if (this.#count * 2 > this.#table.length) this.#growTable();
    this.#insert(node);
    return node;
  }

  #growTable(): void {
    const earlier = this.#table;
    this.#table = new Array<PathNode | null>(earlier.length * 2).fill(null);
    for (const node of earlier) if (node !== null) this.#insert(node);
  }

  #insert(node: PathNode): void {
    const mask = this.#table.length - 1;
    let slot = node.hash & mask;
    while (this.#table[slot] !== null) slot = (slot + 1) & mask;
    this.#table[slot] = node;
  }
}
