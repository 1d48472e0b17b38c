// The persons of each calendar interval as sets (bitmaps): what retention, stickiness and lifecycle are made of.
// Sets come from rollups where intervals are whole days or hours of UTC and only people are filtered, else from
// steps or events; any mix of tables gives the same sets.
import { areSets, cutBitmapSql } from "../people/person-set.ts";
import { personsOfSql, personSql } from "../people/person-sql.ts";
import type { SqlContext } from "../sql/context.ts";
import { tableOf } from "../sql/filters.ts";
import { fromTable, rollupTable } from "../sql/scope.ts";
import type { Buckets } from "../time/buckets.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";
import { bucketKeys, bucketSql, rangeSql } from "./bucket-sql.ts";
import { eventConditions, type EventSelector } from "./event-conditions.ts";
import { planSlices, rollupsOfUsers, type RollupTable, type Slice } from "./plan-slices.ts";

export interface IntervalSets {
  readonly selector: EventSelector;
  /** Whole intervals. */
  readonly buckets: Buckets;
  /** Events before this instant are ignored, also inside the first interval. Default: its start. */
  readonly fromMs?: number;
  /** Events from this instant on are ignored, also inside an interval. */
  readonly endMs: number;
  /** One more set, before the others: everybody with an event before the first interval. */
  readonly history: boolean;
  /** An interval's set holds who has at least that many events in it. */
  readonly occurrencesMin: number;
}

export interface SetsPlan {
  readonly slices: readonly Slice[];
  readonly history: readonly Slice[];
}

/** Key of the set before the first interval; those of intervals are `bucketKeys`, ascending from 0. */
export const historyKey = -1;

/** `rollups` narrows what may be used; tests prove that every choice gives the same answer. */
export function planSets(sets: IntervalSets, rollups?: readonly RollupTable[]): SetsPlan {
  const { startsMs } = sets.buckets;
  const fromMs = Math.max(sets.fromMs ?? (startsMs[0] as number), instantMsMin);
  const endMs = Math.min(sets.endMs, sets.buckets.endMs, instantMsMax + 1);
  const plan = (range: { fromMs: number; endMs: number }): readonly Slice[] => {
    if (range.fromMs >= range.endMs) return [];
    if (!isBitmapOnly(sets)) return [{ table: tableOf(sets.selector.filters), ...range }];
    const allowed = rollupsOfUsers.filter((table) => rollups?.includes(table) ?? true);
    return planSlices(range, startsMs, allowed);
  };
  return {
    slices: plan({ fromMs, endMs }),
    history: sets.history ? plan({ fromMs: instantMsMin, endMs: fromMs }) : [],
  };
}

/** True when no single event has to be looked at: filters, if any, are sets of people themselves. */
function isBitmapOnly({ selector, occurrencesMin }: IntervalSets): boolean {
  return occurrencesMin === 1 && areSets(selector.filters);
}

export function sourcesOf({ slices, history }: SetsPlan): string[] {
  return [...slices, ...history].map((slice) => slice.table);
}

/**
 * Rows interval_key, persons (a bitmap): one for every interval, empty ones too. Ids become persons when sets are
 * finished, which costs nothing a row; where events of a person are counted, before that.
 */
export function personSetsSql(sets: IntervalSets, plan: SetsPlan, context: SqlContext): string {
  const keys = [...(sets.history ? [historyKey] : []), ...bucketKeys(sets.buckets)];
  const empty = `SELECT arrayJoin(${context.parameters.bind("Array(Int64)", keys)}) AS interval_key, bitmapBuild(emptyArrayUInt32()) AS slice_persons`;
  const parts = [
    ...plan.history.map((slice) => sliceSql(sets, slice, `toInt64(${historyKey})`, context)),
    ...plan.slices.map((slice) =>
      sliceSql(sets, slice, bucketSql(slice.table, sets.buckets, context.parameters), context),
    ),
  ];
  const merged = personsOfSql(context.people, "groupBitmapMergeState(slice_persons)");
  const persons = isBitmapOnly(sets) ? cutBitmapSql(merged, sets.selector.filters, context) : merged;
  return [
    `SELECT interval_key, ${persons} AS persons`,
    `FROM (\n${[...parts, empty].join("\nUNION ALL\n")}\n)`,
    "GROUP BY interval_key",
  ].join("\n");
}

function sliceSql(sets: IntervalSets, slice: Slice, key: string, context: SqlContext): string {
  const { event, filters } = sets.selector;
  // Filters that are sets of people cut the finished sets.
  const conditions = [
    rangeSql(slice.table, slice, context.parameters),
    ...eventConditions({ event, filters: isBitmapOnly(sets) ? [] : filters }, context),
  ];
  const rows = fromTable(rollupTable(slice.table, event), conditions);
  if (slice.table !== "steps" && slice.table !== "events") {
    return `SELECT ${key} AS interval_key, groupBitmapMergeState(users) AS slice_persons\n${rows}\nGROUP BY interval_key`;
  }
  if (sets.occurrencesMin === 1) {
    return `SELECT ${key} AS interval_key, groupBitmapState(user_number) AS slice_persons\n${rows}\nGROUP BY interval_key`;
  }
  const least = context.parameters.bind("UInt64", sets.occurrencesMin);
  return [
    "SELECT interval_key, groupBitmapState(person) AS slice_persons",
    `FROM (SELECT ${key} AS interval_key, ${personSql(context.people)} AS person\n${rows}\nGROUP BY interval_key, person HAVING count() >= ${least})`,
    "GROUP BY interval_key",
  ].join("\n");
}
