// Best attempts of people, bucket by bucket: a bucket holds the attempts that began in it. Columns of numbers, so
// that they pass between threads as they are.

export interface Attempts {
  readonly steps: number;
  /** By bucket, then by steps reached (1 first): how many persons. */
  readonly sizes: Uint32Array;
  /** In that order. */
  readonly persons: Uint32Array;
  /** In that order: of a person who reached n steps n - 1 numbers, milliseconds from each step to the next. */
  readonly gapsMs: Uint32Array;
}

/** In memory that passes to threads without being copied. */
export function sharedNumbers(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT));
}

/** Of one bucket, out of many. */
export function bucketsOf(attempts: Attempts): Attempts[] {
  const { steps, sizes, persons, gapsMs } = attempts;
  const buckets: Attempts[] = [];
  for (let at = 0, person = 0, gap = 0; at < sizes.length; at += steps) {
    const own = sizes.subarray(at, at + steps);
    let people = 0;
    let gaps = 0;
    for (let reached = 1; reached <= steps; reached += 1) {
      people += own[reached - 1] as number;
      gaps += (own[reached - 1] as number) * (reached - 1);
    }
    buckets.push({
      steps,
      sizes: own,
      persons: persons.subarray(person, person + people),
      gapsMs: gapsMs.subarray(gap, gap + gaps),
    });
    person += people;
    gap += gaps;
  }
  return buckets;
}

/** Several sets of people in the same buckets as one. */
export function joinBucket(parts: readonly Attempts[]): Attempts {
  const [first] = parts;
  if (first === undefined) throw new Error("attempts: nothing to join");
  if (parts.length === 1) return first;
  const { steps } = first;
  const sizes = new Uint32Array(steps);
  const persons: Uint32Array[] = [];
  const gaps: Uint32Array[] = [];
  const at = parts.map(() => ({ person: 0, gap: 0 }));
  for (let reached = 1; reached <= steps; reached += 1) {
    parts.forEach((part, index) => {
      const size = part.sizes[reached - 1] as number;
      const from = at[index] as { person: number; gap: number };
      sizes[reached - 1] = (sizes[reached - 1] as number) + size;
      persons.push(part.persons.subarray(from.person, (from.person += size)));
      gaps.push(part.gapsMs.subarray(from.gap, (from.gap += size * (reached - 1))));
    });
  }
  return { steps, sizes, persons: concat(persons), gapsMs: concat(gaps) };
}

function concat(parts: readonly Uint32Array[]): Uint32Array {
  const all = sharedNumbers(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
