// Of each person the attempt that reached furthest, the earliest of those: where it lies among kept and fresh parts.
import type { Attempts } from "./attempts.ts";

export interface Furthest {
  /** Steps, by person; 0: no attempt. */
  readonly reached: Uint8Array;
  /** Place of its part. */
  readonly partOf: Uint16Array;
  /** Where its gaps begin in that part. */
  readonly gapOf: Uint32Array;
}

/** `parts` in order of time; what is kept of a person who changed since counts only where it is fresh. */
export function findFurthest(
  parts: readonly { readonly attempts: Attempts; readonly fresh: boolean }[],
  { steps, people, isChanged }: { steps: number; people: number; isChanged: Uint8Array },
): Furthest {
  const furthest = {
    reached: new Uint8Array(people),
    partOf: new Uint16Array(people),
    gapOf: new Uint32Array(people),
  };
  const { reached, partOf, gapOf } = furthest;
  parts.forEach(({ attempts, fresh }, part) => {
    const { persons, sizes } = attempts;
    let at = 0;
    let gap = 0;
    for (let level = 1; level <= steps; level += 1) {
      const end = at + (sizes[level - 1] as number);
      for (; at < end; at += 1, gap += level - 1) {
        const person = persons[at] as number;
        if (level <= (reached[person] as number)) continue;
        if (!fresh && isChanged[person] === 1) continue;
        reached[person] = level;
        partOf[person] = part;
        gapOf[person] = gap;
      }
    }
  });
  return furthest;
}
