// What is counted over sets of people: how many each two share, in how many sets each person is. Container by
// container, so that what is compared stays in the processor's cache; the parts of a count take every second (third,
// …) container each and are added up.
import { createBitCounter, setsAtOnceMax } from "./bit-counter.ts";
import { createBitRuns, type BitRuns } from "./shared-bits.ts";
import {
  containerBytes,
  containerNumbers,
  eachNumber,
  readSets,
  writeBits,
  type Container,
  type StoredSet,
} from "./stored-sets.ts";

export interface Part {
  readonly index: number;
  readonly of: number;
}

/** Rows of [group, row] and a set, and of [index] and a set. */
export interface OverlapsTask {
  readonly members: Uint8Array;
  /** Absent: the members themselves are the sets to compare with, by their row. */
  readonly others: Uint8Array | undefined;
  /** Sets to compare with. */
  readonly count: number;
  readonly part: Part;
}

/** One entry for each row of members, in their order. */
export interface Overlaps {
  readonly groups: Int32Array;
  readonly rows: Int32Array;
  readonly sizes: Uint32Array;
  /** `count` numbers for each: shared with each of the sets after the row's own; 0 for those before. */
  readonly shared: Uint32Array;
}

/** Lists this short are looked up number by number: quicker than writing out their bits. */
const lookUpMax = 64;

export function countOverlaps(task: OverlapsTask): Overlaps {
  const { count } = task;
  const members = readSets(task.members, 2);
  const others: (StoredSet | undefined)[] = new Array(count).fill(undefined);
  if (task.others === undefined) for (const set of members) others[set.numbers[1] as number] = set;
  else for (const set of readSets(task.others, 1)) others[set.numbers[0] as number] = set;
  const otherBytes = task.others ?? task.members;
  const result = {
    groups: Int32Array.from(members, ({ numbers }) => numbers[0] as number),
    rows: Int32Array.from(members, ({ numbers }) => numbers[1] as number),
    sizes: new Uint32Array(members.length),
    shared: new Uint32Array(members.length * count),
  };
  const runs = createBitRuns((count + 1) * containerBytes);
  const memberAt = count * containerBytes;
  const present = new Uint8Array(count);
  for (const key of keysOf([members, others], task.part)) {
    others.forEach((set, index) => {
      const container = set?.containers.get(key);
      present[index] = container === undefined ? 0 : 1;
      if (container !== undefined) writeBits(otherBytes, container, runs.bytes, index * containerBytes);
    });
    members.forEach(({ containers }, index) => {
      const container = containers.get(key);
      if (container === undefined) return;
      result.sizes[index] = (result.sizes[index] as number) + container.size;
      const row = result.rows[index] as number;
      const shared = result.shared.subarray(index * count, (index + 1) * count);
      if (task.others === undefined) {
        addShared(runs, row * containerBytes, row + 1, present, shared);
      } else if (container.kind !== "bits" && container.size <= lookUpMax) {
        lookUp(runs.bytes, task.members, container, row + 1, present, shared);
      } else {
        writeBits(task.members, container, runs.bytes, memberAt);
        addShared(runs, memberAt, row + 1, present, shared);
      }
    });
  }
  return result;
}

function addShared(runs: BitRuns, at: number, first: number, present: Uint8Array, shared: Uint32Array): void {
  for (let index = first; index < shared.length; index += 1) {
    if (present[index] === 0) continue;
    shared[index] = (shared[index] as number) + runs.sharedBits(at, index * containerBytes, containerBytes);
  }
}

function lookUp(
  bits: Uint8Array,
  bytes: Uint8Array,
  container: Container,
  first: number,
  present: Uint8Array,
  shared: Uint32Array,
): void {
  eachNumber(bytes, container, (number) => {
    for (let index = first; index < shared.length; index += 1) {
      if (present[index] === 0) continue;
      const byte = bits[index * containerBytes + (number >>> 3)] as number;
      shared[index] = (shared[index] as number) + ((byte >>> (number & 7)) & 1);
    }
  });
}

/** Rows of a set each. */
export interface TimesTask {
  readonly sets: Uint8Array;
  /** Whole numbers before each set. */
  readonly numbers: number;
  readonly part: Part;
}

/** How many people are in exactly so many of the sets; the entry 0 says nothing. */
export function countTimes({ sets: bytes, numbers, part }: TimesTask): Uint32Array {
  const sets = readSets(bytes, numbers);
  const people = new Uint32Array(sets.length + 1);
  const times = new Uint32Array(containerNumbers);
  const counter = createBitCounter(Math.min(sets.length, setsAtOnceMax));
  for (const key of keysOf([sets], part)) {
    times.fill(0);
    let waiting = 0;
    for (const { containers } of sets) {
      const container = containers.get(key);
      if (container === undefined) continue;
      writeBits(bytes, container, counter.bytes, counter.setsAt + waiting * containerBytes);
      waiting += 1;
      if (waiting < setsAtOnceMax) continue;
      counter.addTimes(waiting, times);
      waiting = 0;
    }
    counter.addTimes(waiting, times);
    for (const count of times) people[count] = (people[count] as number) + 1;
  }
  people[0] = 0;
  return people;
}

/** The upper halves of all numbers that belong to this part. */
function keysOf(lists: readonly (readonly (StoredSet | undefined)[])[], part: Part): number[] {
  const keys = new Set<number>();
  for (const list of lists)
    for (const set of list) for (const key of set?.containers.keys() ?? []) keys.add(key);
  return [...keys].sort((one, other) => one - other).filter((_, place) => place % part.of === part.index);
}
