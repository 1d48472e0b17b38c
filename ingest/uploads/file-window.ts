// A piece of a stored file in memory, and the way to what follows it; synchronous, for pool threads.
import { readSync } from "node:fs";
import { uploadLimits } from "./upload-limits.ts";

const scanBytes = 256 * 1024;
const newline = 0x0a;

export interface FileWindow {
  readonly bytes: Buffer;
  /** Nothing follows. */
  readonly isLast: boolean;
  /** Where the line after the one at `offset` of the window begins, also past its end (then or at the file's end). */
  nextLine(offset: number): number;
}

/** One for each thread: a fresh one for each chunk would be 1 MiB of garbage each. */
const reused = Buffer.allocUnsafeSlow(uploadLimits.windowBytes);

/** The bytes are valid until the next window is read. Reads up to `lengthMax` bytes from `position` of an open file. */
export function readWindow(file: number, position: number, lengthMax: number): FileWindow {
  const bytes = reused.subarray(0, lengthMax);
  let length = 0;
  while (length < lengthMax) {
    const read = readSync(file, bytes, length, lengthMax - length, position + length);
    if (read === 0) break;
    length += read;
  }
  return {
    bytes: bytes.subarray(0, length),
    isLast: length < lengthMax,
    nextLine(offset) {
      const found = bytes.subarray(0, length).indexOf(newline, offset);
      return found >= 0 ? found + 1 : scanForLine(file, position, length);
    },
  };
}

/** Without keeping anything: the line may be as long as the file. */
function scanForLine(file: number, position: number, from: number): number {
  const piece = Buffer.allocUnsafeSlow(scanBytes);
  for (let at = from; ;) {
    const read = readSync(file, piece, 0, scanBytes, position + at);
    if (read === 0) return at;
    const found = piece.subarray(0, read).indexOf(newline);
    if (found >= 0) return at + found + 1;
    at += read;
  }
}
