// One column in one file, so that a new process reads it instead of the store's rows: a head that says what it is of and
// which days it holds, then each part of the users as it lies in memory, with a checksum. Written under another name and
// renamed when it is whole. Numbers lie as the processor keeps them; a file of another kind of machine has another mark.
import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { bytesOfRow, bytesOfUser, makeStepList, type StepList } from "../step-list.ts";

export interface ColumnName {
  readonly installation: string;
  readonly projectId: number;
  readonly epoch: string;
  /** Null: of any name. */
  readonly event: string | null;
}

interface PartHead {
  readonly users: number;
  readonly rows: number;
  readonly checksum: number;
}

interface Head extends ColumnName {
  readonly fromMs: number;
  readonly dayRows: readonly number[];
  readonly parts: readonly PartHead[];
}

/** A file whose head was read: what it holds, and where. */
export interface ColumnFile {
  readonly path: string;
  readonly fromMs: number;
  readonly dayRows: Uint32Array;
  /** Of the column in memory. */
  readonly bytes: number;
  readonly parts: readonly (PartHead & { readonly offset: number })[];
  /** Of the head: another file may have taken its place since. */
  readonly checksum: number;
}

/** The format's version is in it. */
const mark = "MRCOL001";
/** Tells the order of bytes. */
const order = new Uint8Array(Uint32Array.of(0x01020304).buffer);
const fixedBytes = 20;
const headBytesMax = 4 * 1024 * 1024;
/** Of one call: a file of hundreds of megabytes is written piece by piece. */
const pieceBytes = 32 * 1024 * 1024;

/** It is no column, was torn, or is of something else. */
export class ForeignFile extends Error {}

/** @throws ForeignFile; ENOENT where there is none. */
export function readColumnHead(path: string, name: ColumnName): ColumnFile {
  const file = openSync(path, "r");
  try {
    const { head, checksum, length } = readHead(file);
    const isOfName =
      head.installation === name.installation &&
      head.projectId === name.projectId &&
      head.epoch === name.epoch &&
      head.event === name.event;
    if (!isOfName) throw new ForeignFile("of another column");
    let offset = fixedBytes + length;
    const parts = head.parts.map((part) => {
      const placed = { ...part, offset };
      offset += bytesOfPart(part);
      return placed;
    });
    if (fstatSync(file).size !== offset) throw new ForeignFile("it is torn");
    const bytes = head.parts.reduce((sum, part) => sum + bytesOfPart(part), 0);
    return { path, fromMs: head.fromMs, dayRows: Uint32Array.from(head.dayRows), bytes, parts, checksum };
  } finally {
    closeSync(file);
  }
}

/** What the file says that it is of. @throws as `readColumnHead` does. */
export function readColumnName(path: string): ColumnName {
  const file = openSync(path, "r");
  try {
    return readHead(file).head;
  } finally {
    closeSync(file);
  }
}

function readHead(file: number): { head: Head; checksum: number; length: number } {
  const fixed = Buffer.alloc(fixedBytes);
  if (readSync(file, fixed, 0, fixedBytes, 0) < fixedBytes) throw new ForeignFile("too short");
  if (fixed.toString("latin1", 0, 8) !== mark || !fixed.subarray(8, 12).equals(order)) {
    throw new ForeignFile("not a column of this version");
  }
  const length = fixed.readUInt32LE(12);
  const checksum = fixed.readUInt32LE(16);
  if (length > headBytesMax) throw new ForeignFile("its head is too long");
  const text = Buffer.alloc(length);
  if (readSync(file, text, 0, length, fixedBytes) < length || crc32(text) !== checksum) {
    throw new ForeignFile("its head is torn");
  }
  return { head: JSON.parse(text.toString("utf8")) as Head, checksum, length };
}

/** In a thread of the pool, which shares what it reads. @throws ForeignFile when it is not what its head said. */
export function readColumnPart(column: ColumnFile, part: number): StepList {
  const head = column.parts[part];
  if (head === undefined) throw new ForeignFile("it has no such part");
  const file = openSync(column.path, "r");
  try {
    const fixed = Buffer.alloc(fixedBytes);
    readSync(file, fixed, 0, fixedBytes, 0);
    if (fixed.readUInt32LE(16) !== column.checksum) throw new ForeignFile("it was written anew");
    const list = makeStepList(head.users, head.rows, column.fromMs);
    let at = head.offset;
    let checksum = 0;
    for (const array of arraysOf(list)) {
      readWhole(file, array, at);
      at += array.length;
      checksum = crc32(array, checksum);
    }
    if (checksum !== head.checksum) throw new ForeignFile("a part of it is torn");
    return list;
  } finally {
    closeSync(file);
  }
}

export interface WriteTask {
  readonly path: string;
  readonly name: ColumnName;
  readonly fromMs: number;
  readonly dayRows: Uint32Array;
  readonly lists: readonly StepList[];
}

/** In a thread of the pool. Not forced to the disk: what a crash tears has a wrong checksum. Answers its bytes. */
export function writeColumnFile({ path, name, fromMs, dayRows, lists }: WriteTask): number {
  const head: Head = {
    ...name,
    fromMs,
    dayRows: [...dayRows],
    parts: lists.map((list) => ({
      users: list.users.length,
      rows: list.ticks.length,
      checksum: arraysOf(list).reduce((sum, array) => crc32(array, sum), 0),
    })),
  };
  const text = Buffer.from(JSON.stringify(head));
  const fixed = Buffer.alloc(fixedBytes);
  fixed.write(mark, "latin1");
  fixed.set(order, 8);
  fixed.writeUInt32LE(text.length, 12);
  fixed.writeUInt32LE(crc32(text), 16);
  const unfinished = `${path}.${randomBytes(6).toString("hex")}${unfinishedEnd}`;
  const file = openSync(unfinished, "wx", 0o600);
  let written = 0;
  try {
    try {
      for (const array of [fixed, text, ...lists.flatMap(arraysOf)]) written += writeWhole(file, array);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
  return written;
}

export const unfinishedEnd = ".unfinished";

function bytesOfPart({ users, rows }: Pick<PartHead, "users" | "rows">): number {
  // One start more than there are users.
  return users * bytesOfUser + 4 + rows * bytesOfRow;
}

/** Not those that are empty: a checksum would begin again at them. */
function arraysOf({ users, starts, ticks, rests }: StepList): Uint8Array[] {
  return [users, starts, ticks, rests]
    .filter(({ byteLength }) => byteLength > 0)
    .map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
}

function readWhole(file: number, array: Uint8Array, from: number): void {
  for (let at = 0; at < array.length;) {
    const read = readSync(file, array, at, Math.min(pieceBytes, array.length - at), from + at);
    if (read === 0) throw new ForeignFile("it ends too early");
    at += read;
  }
}

function writeWhole(file: number, array: Uint8Array): number {
  for (let at = 0; at < array.length;) {
    at += writeSync(file, array, at, Math.min(pieceBytes, array.length - at));
  }
  return array.length;
}
