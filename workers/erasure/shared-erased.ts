// Erased keys as the pool's threads read them: numbers in shared memory. Of every batch only a handle is sent, however
// many people were erased.
/** A user key by its hash; its events that were handed over until then are dropped. */
export interface ErasedKey {
  readonly words: readonly [number, number, number];
  readonly beforeMs: number;
}

export interface SharedErased {
  /** Four numbers for each key: its words, then the epoch milliseconds until which its events are dropped. */
  readonly memory: SharedArrayBuffer;
  readonly count: number;
  /** The latest of those times. */
  readonly latestMs: number;
}

const numbersOfKey = 4;

export function shareErased(keys: readonly ErasedKey[]): SharedErased {
  const memory = new SharedArrayBuffer(keys.length * numbersOfKey * Float64Array.BYTES_PER_ELEMENT);
  const numbers = new Float64Array(memory);
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const [index, { words, beforeMs }] of keys.entries()) {
    numbers.set([...words, beforeMs], index * numbersOfKey);
    latestMs = Math.max(latestMs, beforeMs);
  }
  return { memory, count: keys.length, latestMs };
}

export function* eachErased({ memory, count }: SharedErased): Generator<ErasedKey> {
  const numbers = new Float64Array(memory);
  for (let index = 0; index < count; index += 1) {
    const [word1, word2, word3, beforeMs] = numbers.subarray(
      index * numbersOfKey,
      (index + 1) * numbersOfKey,
    );
    yield { words: [word1 as number, word2 as number, word3 as number], beforeMs: beforeMs as number };
  }
}
