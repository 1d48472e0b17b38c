// One task of the pool: kept days joined once and for all, so that a query over the same days has to add only what is
// not kept. Whoever asks again within the day asks for the same days.
import { sharedNumbers, type Attempts } from "./attempts.ts";

export interface JoinedDays {
  /** One more than the highest number of a person. */
  readonly people: number;
  /** By person: steps of the furthest attempt, 0 for none, and the day it began on. */
  readonly reached: Uint8Array;
  readonly day: Uint16Array;
  /** Where the gaps of that attempt begin in `gapsMs`. */
  readonly gapAt: Uint32Array;
  readonly gapsMs: Uint32Array;
  /** Persons by exactly the steps that they reached, 1 first. */
  readonly sizes: Uint32Array;
  /** Of each step, ascending: milliseconds from the step before; none of the first. */
  readonly sortedMs: readonly Uint32Array[];
}

/** `days` in order of time. */
export function joinDays({ days, steps }: { days: readonly Attempts[]; steps: number }): JoinedDays {
  const people = countPeople(days);
  const reached = new Uint8Array(new SharedArrayBuffer(people));
  const day = new Uint16Array(new SharedArrayBuffer(2 * people));
  const from = new Uint32Array(people);
  days.forEach(({ persons, sizes }, index) => {
    let at = 0;
    let gap = 0;
    for (let level = 1; level <= steps; level += 1) {
      const end = at + (sizes[level - 1] as number);
      for (; at < end; at += 1, gap += level - 1) {
        const person = persons[at] as number;
        if (level <= (reached[person] as number)) continue;
        reached[person] = level;
        day[person] = index;
        from[person] = gap;
      }
    }
  });
  const sizes = sharedNumbers(steps);
  let gaps = 0;
  for (let person = 0; person < people; person += 1) {
    const level = reached[person] as number;
    if (level === 0) continue;
    sizes[level - 1] = (sizes[level - 1] as number) + 1;
    gaps += level - 1;
  }
  const gapAt = sharedNumbers(people);
  const gapsMs = sharedNumbers(gaps);
  const byStep = Array.from(
    { length: steps },
    (_, step) => new Uint32Array(step === 0 ? 0 : beyond(sizes, step)),
  );
  const filled = new Uint32Array(steps);
  for (let person = 0, to = 0; person < people; person += 1) {
    const level = reached[person] as number;
    gapAt[person] = to;
    const own = days[day[person] as number]?.gapsMs;
    for (let step = 1; step < level; step += 1, to += 1) {
      const gap = own?.[(from[person] as number) + step - 1] as number;
      gapsMs[to] = gap;
      const at = filled[step] as number;
      (byStep[step] as Uint32Array)[at] = gap;
      filled[step] = at + 1;
    }
  }
  return { people, reached, day, gapAt, gapsMs, sizes, sortedMs: byStep.map(sorted) };
}

/** Persons who reached the step, counted from 0. */
function beyond(sizes: Uint32Array, step: number): number {
  return sizes.subarray(step).reduce((sum, size) => sum + size, 0);
}

/** One more than the highest number of a person. */
export function countPeople(parts: readonly Pick<Attempts, "persons">[]): number {
  let highest = -1;
  for (const { persons } of parts) {
    for (let at = 0; at < persons.length; at += 1) highest = Math.max(highest, persons[at] as number);
  }
  return highest + 1;
}

function sorted(values: Uint32Array): Uint32Array {
  const shared = sharedNumbers(values.length);
  shared.set(values.sort());
  return shared;
}

export function bytesOfJoined({ reached, day, gapAt, gapsMs, sortedMs }: JoinedDays): number {
  return [reached, day, gapAt, gapsMs, ...sortedMs].reduce((sum, { byteLength }) => sum + byteLength, 0);
}
