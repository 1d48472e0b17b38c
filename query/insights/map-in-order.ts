// Maps a list with a few items under way at once and gives the results in the list's order; who is slow to take
// them holds the work back.

/** `map` must not reject: what fails is a result too. Leaving the loop early begins no further item. */
export async function* mapInOrder<T, R>(
  items: readonly T[],
  bounds: { readonly atOnceMax: number; readonly aheadMax: number },
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const results: PromiseWithResolvers<R>[] = items.map(() => Promise.withResolvers<R>());
  let next = 0;
  let underWay = 0;
  let taken = 0;
  let left = false;
  const begin = (): void => {
    while (!left && underWay < bounds.atOnceMax && next < items.length && next < taken + bounds.aheadMax) {
      const index = next++;
      underWay += 1;
      void map(items[index] as T).then((result) => {
        underWay -= 1;
        results[index]?.resolve(result);
        begin();
      });
    }
  };
  begin();
  try {
    for (const { promise } of results) {
      yield await promise;
      taken += 1;
      begin();
    }
  } finally {
    left = true;
  }
}
