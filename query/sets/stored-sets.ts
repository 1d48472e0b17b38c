// Sets of people as the store sends them: rows of some whole numbers and one set (RowBinary: each number an Int32, the
// set a state of groupBitmap). A set is cut by the upper 16 bits of its numbers into containers, which are read where
// they lie; sets of more than 32 numbers have the format of https://github.com/RoaringBitmap/RoaringFormatSpec.

/** Numbers with the same upper 16 bits: their lower ones as a sorted list, as one bit each, or as runs. */
export interface Container {
  /** The upper 16 bits. */
  readonly key: number;
  /** `numbers`: of a small set, whole numbers of 32 bits in no order. */
  readonly kind: "list" | "bits" | "runs" | "numbers";
  /** Where its bytes begin. */
  readonly at: number;
  /** Entries there: numbers, or runs. Bits have no entries. */
  readonly entries: number;
  /** Numbers in it. */
  readonly size: number;
}

export interface StoredSet {
  /** The row's whole numbers. */
  readonly numbers: readonly number[];
  readonly containers: ReadonlyMap<number, Container>;
}

/** Numbers that one container can hold; as bits: 8 KB. */
export const containerNumbers = 65_536;
export const containerBytes = containerNumbers / 8;

const cookie = 12_346;
const cookieWithRuns = 12_347;
/** With runs, fewer containers than this come without the list of their places. */
const placesContainersMin = 4;
const listSizeMax = 4096;

/** `numbers`: how many stand before the set in each row. */
export function readSets(bytes: Uint8Array, numbers: number): StoredSet[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sets: StoredSet[] = [];
  for (let at = 0; at < bytes.length;) {
    const row: number[] = [];
    for (let each = 0; each < numbers; each += 1, at += 4) row.push(view.getInt32(at, true));
    const containers = new Map<number, Container>();
    at = bytes[at] === 0 ? readSmall(view, at + 1, containers) : readLarge(view, at + 1, containers);
    sets.push({ numbers: row, containers });
  }
  return sets;
}

/** Up to 32 numbers: a byte that counts them, then each. Returns where they end. */
function readSmall(view: DataView, at: number, containers: Map<number, Container>): number {
  const entries = view.getUint8(at);
  const first = at + 1;
  for (let entry = 0; entry < entries; entry += 1) {
    const key = view.getUint16(first + 4 * entry + 2, true);
    const size = (containers.get(key)?.size ?? 0) + 1;
    containers.set(key, { key, kind: "numbers", at: first, entries, size });
  }
  return first + 4 * entries;
}

function readLarge(view: DataView, start: number, containers: Map<number, Container>): number {
  let at = start;
  let bytes = 0;
  for (let factor = 1, more = true; more; factor *= 128, at += 1) {
    const byte = view.getUint8(at);
    bytes += (byte & 127) * factor;
    more = byte > 127;
  }
  const end = at + bytes;
  const mark = view.getUint32(at, true);
  const withRuns = (mark & 0xffff) === cookieWithRuns;
  if (!withRuns && mark !== cookie) throw new Error("the store sent a set in an unknown format");
  const count = withRuns ? (mark >>> 16) + 1 : view.getUint32(at + 4, true);
  const runMarks = at + 4;
  const heads = withRuns ? runMarks + Math.ceil(count / 8) : at + 8;
  let place = heads + 4 * count;
  if (!withRuns || count >= placesContainersMin) place += 4 * count;
  for (let each = 0; each < count; each += 1) {
    const key = view.getUint16(heads + 4 * each, true);
    const size = view.getUint16(heads + 4 * each + 2, true) + 1;
    if (withRuns && (view.getUint8(runMarks + (each >>> 3)) & (1 << (each & 7))) !== 0) {
      const entries = view.getUint16(place, true);
      containers.set(key, { key, kind: "runs", at: place + 2, entries, size });
      place += 2 + 4 * entries;
    } else if (size <= listSizeMax) {
      containers.set(key, { key, kind: "list", at: place, entries: size, size });
      place += 2 * size;
    } else {
      containers.set(key, { key, kind: "bits", at: place, entries: 0, size });
      place += containerBytes;
    }
  }
  if (place !== end) throw new Error("the store sent a set that does not end where it says");
  return end;
}

/** Sets one bit for each number in the 8 KB of `bits` from `to` on, which are overwritten. */
export function writeBits(bytes: Uint8Array, container: Container, bits: Uint8Array, to: number): void {
  if (container.kind === "bits") {
    bits.set(bytes.subarray(container.at, container.at + containerBytes), to);
    return;
  }
  bits.fill(0, to, to + containerBytes);
  eachNumber(bytes, container, (number) => {
    const at = to + (number >>> 3);
    bits[at] = (bits[at] as number) | (1 << (number & 7));
  });
}

/** Calls `visit` with the lower 16 bits of each number. */
export function eachNumber(bytes: Uint8Array, container: Container, visit: (number: number) => void): void {
  const { kind, at, entries, key } = container;
  const short = (place: number): number => (bytes[place] as number) | ((bytes[place + 1] as number) << 8);
  if (kind === "list") {
    for (let place = at, end = at + 2 * entries; place < end; place += 2) visit(short(place));
  } else if (kind === "runs") {
    for (let place = at, end = at + 4 * entries; place < end; place += 4) {
      const first = short(place);
      const last = first + short(place + 2);
      for (let number = first; number <= last; number += 1) visit(number);
    }
  } else if (kind === "numbers") {
    for (let place = at, end = at + 4 * entries; place < end; place += 4) {
      if (short(place + 2) === key) visit(short(place));
    }
  } else {
    for (let byte = 0; byte < containerBytes; byte += 1) {
      for (let rest = bytes[at + byte] as number; rest !== 0; rest &= rest - 1) {
        visit(8 * byte + 31 - Math.clz32(rest & -rest));
      }
    }
  }
}
