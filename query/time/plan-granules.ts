// Covers a range by whole granules of several sizes, the coarsest first: days, then hours, then what is left.

export interface GranuleSlice<Table> {
  readonly table: Table;
  readonly fromMs: number;
  /** First instant after the slice. */
  readonly endMs: number;
}

/**
 * Covers [fromMs, endMs) without gap or overlap. A table is used where every boundary inside it is one of its own:
 * `boundsMs` are the starts of buckets, ascending. `rest` holds what no granule fits.
 */
export function planByGranules<Table, Rest>(
  range: { readonly fromMs: number; readonly endMs: number },
  boundsMs: readonly number[],
  rollups: readonly { readonly table: Table; readonly ms: number }[],
  rest: Rest,
): GranuleSlice<Table | Rest>[] {
  if (range.fromMs >= range.endMs) return [];
  const [coarsest, ...finer] = rollups;
  if (coarsest === undefined) return [{ table: rest, ...range }];
  const { table, ms: granule } = coarsest;
  const innerFrom = Math.ceil(range.fromMs / granule) * granule;
  const innerEnd = Math.floor(range.endMs / granule) * granule;
  const aligned = boundsMs.every((bound) => bound <= innerFrom || bound >= innerEnd || bound % granule === 0);
  if (innerFrom >= innerEnd || !aligned) return planByGranules(range, boundsMs, finer, rest);
  return [
    ...planByGranules({ fromMs: range.fromMs, endMs: innerFrom }, boundsMs, finer, rest),
    { table, fromMs: innerFrom, endMs: innerEnd },
    ...planByGranules({ fromMs: innerEnd, endMs: range.endMs }, boundsMs, finer, rest),
  ];
}
