// Decompresses what lz-string's compressToBase64 made, which old PostHog clients send. Written out here because the
// library has no bound: 1 MB of it can stand for 10^12 characters. Every entry of the dictionary is a piece of the
// output so far, so a place and a length stand for it.
import { MillraceError } from "#schemas/errors.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const bitsPerDigit = 6;
const initialUnits = 4096;

/** Codes that stand for no entry. */
const code = { unit8: 0, unit16: 1, end: 2 } as const;
const firstEntry = 3;

const digits = new Int8Array(128).fill(-1);
for (let value = 0; value < alphabet.length; value += 1) digits[alphabet.charCodeAt(value)] = value;

function malformed(): MillraceError {
  return new MillraceError("MALFORMED_COMPRESSION");
}

class BitReader {
  readonly #text: string;
  #at = 0;
  #value = 0;
  #left = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The lowest bit comes first. */
  read(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit += 1) {
      if (this.#left === 0) {
        this.#value = digits[this.#text.charCodeAt(this.#at)] ?? -1;
        if (this.#value < 0) throw malformed();
        this.#at += 1;
        this.#left = bitsPerDigit;
      }
      this.#left -= 1;
      if ((this.#value >> this.#left) & 1) value += 2 ** bit;
    }
    return value;
  }
}

class Output {
  readonly #unitsMax: number;
  #units = new Uint16Array(initialUnits);
  length = 0;

  constructor(unitsMax: number) {
    this.#unitsMax = unitsMax;
  }

  push(unit: number): void {
    this.#grow(1);
    this.#units[this.length++] = unit;
  }

  /** The piece may end beyond what is written: it then repeats itself. */
  repeat(start: number, length: number): void {
    this.#grow(length);
    for (let index = 0; index < length; index += 1) {
      this.#units[this.length++] = this.#units[start + index] as number;
    }
  }

  toString(): string {
    return Buffer.from(this.#units.buffer, 0, this.length * 2).toString("utf16le");
  }

  #grow(by: number): void {
    const needed = this.length + by;
    if (needed > this.#unitsMax) throw new MillraceError("BODY_TOO_LARGE");
    if (needed <= this.#units.length) return;
    const grown = new Uint16Array(Math.max(needed, this.#units.length * 2));
    grown.set(this.#units);
    this.#units = grown;
  }
}

/** Throws MALFORMED_COMPRESSION, or BODY_TOO_LARGE past `unitsMax` UTF-16 units. */
export function decompressLzBase64(text: string, unitsMax: number): string {
  const bits = new BitReader(text);
  const output = new Output(unitsMax);
  const starts: number[] = [];
  const lengths: number[] = [];
  // The first code has 2 bits, and the entry that it declares leaves room for one more of 2 bits.
  let width = 2;
  let room = 1;
  let lastStart = 0;
  let lastLength = 0;
  for (;;) {
    const next = bits.read(width);
    if (next === code.end) return output.toString();
    const start = output.length;
    let length = 1;
    if (next === code.unit8 || next === code.unit16) {
      output.push(bits.read(next === code.unit8 ? 8 : 16));
      starts.push(start);
      lengths.push(1);
      room -= 1;
      if (room === 0) {
        room = 2 ** width;
        width += 1;
      }
    } else {
      const entry = next - firstEntry;
      if (lastLength === 0 || entry > starts.length) throw malformed();
      const isNewest = entry === starts.length;
      length = isNewest ? lastLength + 1 : (lengths[entry] as number);
      output.repeat(isNewest ? lastStart : (starts[entry] as number), length);
    }
    if (lastLength > 0) {
      // What came last, and the unit that followed it.
      starts.push(lastStart);
      lengths.push(lastLength + 1);
      room -= 1;
      if (room === 0) {
        room = 2 ** width;
        width += 1;
      }
    }
    lastStart = start;
    lastLength = length;
  }
}
