// Reads the JSON text of one object straight into its paths' columns: no parse tree, no JS strings.
// It takes a quarter of the time of JSON.parse and a walk over the result (benchmarks/encode.ts). The text was
// written by JSON.stringify at the edge, so this reader is not a validator: what is clearly not JSON throws,
// and slips like a leading zero are read as JSON.parse would read them without.
import type { DynamicColumn, JsonValue } from "./dynamic-column.ts";
import type { Utf8Buffer } from "./byte-sink.ts";
import { allocateBytes } from "./byte-sink.ts";
import { depthMax, tooDeep } from "./object-paths.ts";
import type { ObjectPaths } from "./object-paths.ts";
import type { PathNode } from "./path-tree.ts";
import { hashStart, hashStep } from "./path-tree.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const openObject = 0x7b;
const closeObject = 0x7d;
const openArray = 0x5b;
const closeArray = 0x5d;

/** Room behind the text for the zero byte and for reading four bytes at once. */
const slackBytes = 8;

/** Digits that a double holds exactly; a decimal of so few digits divided by a power of ten is correctly rounded. */
const exactDigitsMax = 15;
const powersOfTen = Float64Array.from({ length: exactDigitsMax + 1 }, (_, exponent) =>
  Number(`1e${exponent}`),
);

export class JsonScanner {
  #bytes: Utf8Buffer = allocateBytes(4096);
  readonly #paths: ObjectPaths;
  #row = 0;
  #end = 0;
  /** The node that the last key led to: a second result of `#scanKey`. */
  #node: PathNode;

  constructor(paths: ObjectPaths) {
    this.#paths = paths;
    this.#node = paths.tree.root;
  }

  /** Appends one row. Throws SyntaxError when `text` is not an object; the block must then be thrown away. */
  appendRow(text: string): void {
    const paths = this.#paths;
    const row = paths.rows++;
    if (text === "{}") return;
    if (this.#bytes.length < text.length * 3 + slackBytes) {
      this.#bytes = allocateBytes(text.length * 6 + slackBytes);
    }
    const end = this.#bytes.utf8Write(text, 0, text.length * 3);
    // A zero byte ends every loop below: no value and no string may contain it.
    this.#bytes[end] = 0;
    this.#end = end;
    this.#row = row;
    const start = this.#skipSpace(0);
    if (this.#bytes[start] !== openObject) throw this.#syntaxError(start);
    const after = this.#skipSpace(this.#scanObject(paths.tree.root, start + 1, 1));
    if (after !== end) throw this.#syntaxError(after);
  }

  #syntaxError(at: number): SyntaxError {
    return new SyntaxError(`properties are not a JSON object (byte ${at})`);
  }

  #skipSpace(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (;;) {
      const byte = bytes[at] as number;
      if (byte > 0x20 || byte === 0) return at;
      at += 1;
    }
  }

  /** From behind the brace to behind its closing brace. */
  #scanObject(parent: PathNode, from: number, depth: number): number {
    if (depth > depthMax) throw tooDeep();
    const bytes = this.#bytes;
    let at = this.#skipSpace(from);
    if (bytes[at] === closeObject) return at + 1;
    let previous: PathNode | null = null;
    for (;;) {
      if (bytes[at] !== quote) throw this.#syntaxError(at);
      const guess: PathNode | null = previous === null ? parent.firstGuess : previous.nextGuess;
      at = this.#scanKey(parent, guess, at + 1);
      const node = this.#node;
      if (node !== guess) {
        if (previous === null) parent.firstGuess = node;
        else previous.nextGuess = node;
      }
      previous = node;
      if ((bytes[at] as number) <= 0x20) at = this.#skipSpace(at);
      if (bytes[at] !== colon) throw this.#syntaxError(at);
      at += 1;
      if ((bytes[at] as number) <= 0x20) at = this.#skipSpace(at);
      at = bytes[at] === openObject ? this.#scanObject(node, at + 1, depth + 1) : this.#scanValue(node, at);
      if ((bytes[at] as number) <= 0x20) at = this.#skipSpace(at);
      if (bytes[at] === closeObject) return at + 1;
      if (bytes[at] !== comma) throw this.#syntaxError(at);
      at += 1;
      if ((bytes[at] as number) <= 0x20) at = this.#skipSpace(at);
    }
  }

  /** From behind the opening quote to behind the closing one; leaves the key's node in `#node`. */
  #scanKey(parent: PathNode, guess: PathNode | null, from: number): number {
    const bytes = this.#bytes;
    if (guess !== null) {
      // Events of one kind have the same keys in the same order: nearly always a plain comparison.
      const key = guess.quotedKey;
      const length = key.length;
      let index = 0;
      while (index < length && key[index] === bytes[from + index]) index += 1;
      if (index === length) {
        this.#node = guess;
        return from + length;
      }
    }
    let hash = hashStart(parent.id);
    let at = from;
    for (;;) {
      const byte = bytes[at] as number;
      if (byte === quote) {
        this.#node = this.#paths.tree.childByBytes(parent, bytes, from, at, hash);
        return at + 1;
      }
      if (byte === backslash) {
        const end = this.#stringEnd(from);
        this.#node = this.#paths.tree.childByKey(parent, this.#parse(from - 1, end + 1) as string);
        return end + 1;
      }
      if (byte < 0x20) throw this.#syntaxError(at);
      hash = hashStep(hash, byte);
      at += 1;
    }
  }

  /** Anything but an object. Values of a path that this row already has are read and dropped. */
  #scanValue(node: PathNode, at: number): number {
    const byte = this.#bytes[at] as number;
    const seen = node.column !== null && node.column.has(this.#row);
    if (byte === quote) {
      return seen ? this.#stringEnd(at + 1) + 1 : this.#scanString(this.#paths.columnOf(node), at + 1);
    }
    if (byte === minus || (byte >= zero && byte <= zero + 9)) return this.#scanNumber(node, at, seen);
    if (byte === openArray) {
      const end = this.#arrayEnd(at);
      if (!seen) this.#paths.columnOf(node).appendArray(this.#row, this.#parse(at, end) as JsonValue[]);
      return end;
    }
    return this.#scanLiteral(node, at, seen);
  }

  /** Copies a string's bytes while looking for its end; from behind the opening quote to behind the closing one. */
  #scanString(column: DynamicColumn, from: number): number {
    const bytes = this.#bytes;
    const sink = column.stringSink(this.#row);
    let at = from;
    let byte = bytes[at] as number;
    // Everything that is left of this text fits, so the loop needs no bounds.
    sink.reserve(this.#end - from + slackBytes);
    const target = sink.bytes;
    let to = sink.length + 1;
    while (byte !== quote) {
      if (byte === backslash) {
        const end = this.#stringEnd(at);
        sink.writeString(this.#parse(from - 1, end + 1) as string);
        return end + 1;
      }
      if (byte < 0x20) throw this.#syntaxError(at);
      target[to] = byte;
      to += 1;
      at += 1;
      byte = bytes[at] as number;
    }
    sink.finishString(to);
    return at + 1;
  }

  /** The closing quote's place. */
  #stringEnd(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (;;) {
      const byte = bytes[at] as number;
      if (byte === quote) return at;
      if (byte < 0x20) throw this.#syntaxError(at);
      // A zero byte behind the backslash is the text's end.
      at += byte === backslash && bytes[at + 1] !== 0 ? 2 : 1;
    }
  }

  #scanNumber(node: PathNode, from: number, seen: boolean): number {
    const bytes = this.#bytes;
    let at = bytes[from] === minus ? from + 1 : from;
    const digitsFrom = at;
    let mantissa = 0;
    let fraction = 0;
    let digit = (bytes[at] as number) - zero;
    if (digit < 0 || digit > 9) throw this.#syntaxError(at);
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      at += 1;
      digit = (bytes[at] as number) - zero;
    }
    let digits = at - digitsFrom;
    if (bytes[at] === dot) {
      at += 1;
      const fractionFrom = at;
      digit = (bytes[at] as number) - zero;
      while (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        at += 1;
        digit = (bytes[at] as number) - zero;
      }
      fraction = at - fractionFrom;
      digits += fraction;
    }
    let value: number;
    const byte = bytes[at] as number;
    if (digits > exactDigitsMax || byte === 0x65 || byte === 0x45) {
      while (isNumberByte(bytes[at] as number)) at += 1;
      value = this.#parse(from, at) as number;
    } else {
      value = fraction === 0 ? mantissa : mantissa / (powersOfTen[fraction] as number);
      if (digitsFrom !== from) value = -value;
    }
    if (!seen && Number.isFinite(value)) this.#paths.columnOf(node).appendNumber(this.#row, value);
    return at;
  }

  #scanLiteral(node: PathNode, at: number, seen: boolean): number {
    const bytes = this.#bytes;
    const word = bytes.readUInt32LE(at);
    if (word === wordTrue || (word === wordFals && bytes[at + 4] === 0x65)) {
      if (!seen) this.#paths.columnOf(node).appendBoolean(this.#row, word === wordTrue);
      return word === wordTrue ? at + 4 : at + 5;
    }
    if (word === wordNull) return at + 4;
    throw this.#syntaxError(at);
  }

  /** From the opening bracket to behind the closing one. */
  #arrayEnd(from: number): number {
    const bytes = this.#bytes;
    let depth = 0;
    let at = from;
    for (;;) {
      const byte = bytes[at] as number;
      if (byte === quote) at = this.#stringEnd(at + 1);
      else if (byte === openArray || byte === openObject) depth += 1;
      else if (byte === closeArray || byte === closeObject) {
        depth -= 1;
        if (depth === 0) return at + 1;
      } else if (byte === 0) throw this.#syntaxError(at);
      at += 1;
    }
  }

  #parse(from: number, to: number): unknown {
    return JSON.parse(this.#bytes.toString("utf8", from, to));
  }
}

const wordTrue = Buffer.from("true").readUInt32LE();
const wordFals = Buffer.from("fals").readUInt32LE();
const wordNull = Buffer.from("null").readUInt32LE();

/** Digits, signs, point and exponent. */
function isNumberByte(byte: number): boolean {
  return (
    (byte >= zero && byte <= zero + 9) ||
    byte === dot ||
    byte === minus ||
    byte === 0x2b ||
    byte === 0x65 ||
    byte === 0x45
  );
}
