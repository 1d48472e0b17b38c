// A growing byte buffer that the column writers fill: the only place that knows how a number or a string
// becomes bytes of ClickHouse's Native format (little endian, strings as varint length + UTF-8).

/** The UTF-8 writer behind `buffer.write(text, "utf8")`, without its argument checks (20 ns a call). */
export interface Utf8Buffer extends Buffer {
  utf8Write(text: string, offset: number, length: number): number;
}

/** Below this many UTF-16 units a loop beats the call into the runtime (measured: 12 units 22 against 44 ns). */
const loopUnitsMax = 20;

const uint32Range = 2 ** 32;

export function allocateBytes(size: number): Utf8Buffer {
  return Buffer.allocUnsafeSlow(size) as Utf8Buffer;
}

/** Bytes of a varint that holds `value` (0 ≤ value < 2^31). */
function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** Fields are public because the JSON scanner writes string bytes straight into `bytes`. */
export class ByteSink {
  bytes: Utf8Buffer;
  length = 0;

  constructor(initialBytes = 1024) {
    this.bytes = allocateBytes(initialBytes);
  }

  /** Forgets the content; keeps the memory for the next block unless it is over `keptBytesMax`. */
  reset(keptBytesMax: number): void {
    this.length = 0;
    if (this.bytes.length > keptBytesMax) this.bytes = allocateBytes(1024);
  }

  /** Makes room for `more` bytes; at least doubles, so that filling stays linear. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const grown = allocateBytes(Math.max(this.bytes.length * 2, needed));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  writeByte(value: number): void {
    this.reserve(1);
    this.bytes[this.length] = value;
    this.length += 1;
  }

  writeVarint(value: number): void {
    this.reserve(5);
    this.length = this.#putVarint(value, this.length);
  }

  /** Unsigned, 0 ≤ value ≤ 2^53. */
  writeUint64(value: number): void {
    this.reserve(8);
    this.bytes.writeUInt32LE(value % uint32Range, this.length);
    this.bytes.writeUInt32LE(Math.floor(value / uint32Range), this.length + 4);
    this.length += 8;
  }

  /** The memory of a typed array as it is: the format and every platform we run on are little endian. */
  writeView(view: ArrayBufferView): void {
    this.reserve(view.byteLength);
    this.bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), this.length);
    this.length += view.byteLength;
  }

  writeSink(other: ByteSink): void {
    this.writeView(other.bytes.subarray(0, other.length));
  }

  /** Varint length and UTF-8; a lone surrogate becomes U+FFFD, so the bytes are always valid UTF-8. */
  writeString(text: string): void {
    const units = text.length;
    this.reserve(units * 3 + 5);
    const start = this.length;
    if (units <= loopUnitsMax) {
      const bytes = this.bytes;
      let index = 0;
      for (; index < units; index += 1) {
        const code = text.charCodeAt(index);
        if (code >= 0x80) break;
        bytes[start + 1 + index] = code;
      }
      if (index === units) {
        bytes[start] = units;
        this.length = start + 1 + units;
        return;
      }
    }
    // The length precedes the bytes: guess its size as if all were ASCII, and move the bytes if that was wrong.
    const guessedBytes = varintBytes(units);
    const written = this.bytes.utf8Write(text, start + guessedBytes, units * 3);
    const lengthBytes = varintBytes(written);
    if (lengthBytes !== guessedBytes) {
      this.bytes.copyWithin(start + lengthBytes, start + guessedBytes, start + guessedBytes + written);
    }
    this.length = this.#putVarint(written, start) + written;
  }

  /**
   * Completes a string whose bytes somebody wrote from `length + 1` on, up to `end`, after reserving 5 bytes
   * more than these: puts the varint length in front, moving them when it needs more than the one byte free.
   */
  finishString(end: number): void {
    const start = this.length;
    const written = end - start - 1;
    if (written < 0x80) {
      this.bytes[start] = written;
      this.length = end;
      return;
    }
    const lengthBytes = varintBytes(written);
    this.bytes.copyWithin(start + lengthBytes, start + 1, end);
    this.length = this.#putVarint(written, start) + written;
  }

  #putVarint(value: number, at: number): number {
    let rest = value;
    let position = at;
    while (rest >= 0x80) {
      this.bytes[position] = (rest & 0x7f) | 0x80;
      position += 1;
      rest >>>= 7;
    }
    this.bytes[position] = rest;
    return position + 1;
  }
}
