// The persons of each calendar interval as sets (bitmaps): what retention, stickiness and lifecycle are made of.
// Sets come from rollups where intervals are whole days or hours of UTC and only people are filtered, from what is
// kept of a selector where it has the same conditions on events, else from steps or events; any mix of tables gives
// the same sets.
import type { Filter } from "#schemas/query/filter.ts";
import { isSessionEvent } from "#schemas/query/sessions.ts";
import { splitFilters } from "#schemas/selectors/selectors-of.ts";
import type { Wanted } from "../partials/find-cover.ts";
import { fromSlice, isKept, planKept, sliceBucketSql, type KeptPlan } from "../partials/kept-slices.ts";
import type { Shortcuts } from "../partials/shortcuts.ts";
import { cutBitmapSql } from "../people/person-set.ts";
import { personsOfSql, personSql } from "../people/person-sql.ts";
import { sampledTable } from "../sampling/sampled-table.ts";
import type { SqlContext } from "../sql/context.ts";
import { tableOf } from "../sql/filters.ts";
import { fromTable, rollupTable } from "../sql/scope.ts";
import type { Buckets } from "../time/buckets.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";
import { bucketSql, rangeSql } from "./bucket-sql.ts";
import { bucketKeys } from "../sql/bucket-numbers.ts";
import { eventConditions, type EventSelector } from "./event-conditions.ts";
import { planSlices, rollupsOfUsers, type Slice } from "./plan-slices.ts";
import { selectRows } from "./selected-rows.ts";

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

/** Tables, or what is kept of a selector and rows where nothing is. */
type RangePlan = readonly Slice[] | KeptPlan;

export interface SetsPlan {
  readonly slices: RangePlan;
  readonly history: RangePlan;
}

/** Key of the set before the first interval; those of intervals are `bucketKeys`, ascending from 0. */
export const historyKey = -1;

export function planSets(sets: IntervalSets, { rollups, partials }: Shortcuts): SetsPlan {
  const { startsMs } = sets.buckets;
  const fromMs = Math.max(sets.fromMs ?? (startsMs[0] as number), instantMsMin);
  const endMs = Math.min(sets.endMs, sets.buckets.endMs, instantMsMax + 1);
  const { ofEvents } = conditionsOf(sets);
  const ofSessions = isSessionEvent(sets.selector.event);
  const isBitmapOnly = sets.occurrencesMin === 1 && ofEvents.length === 0;
  const table = tableOf(ofEvents);
  const wanted = wantedOfSets(sets);
  const days = wanted === undefined ? undefined : partials?.find(wanted);
  const plan = (range: { fromMs: number; endMs: number }): RangePlan => {
    if (range.fromMs >= range.endMs) return [];
    if (ofSessions) return [{ table: "events", ...range }];
    const kept = days === undefined ? undefined : planKept(range, startsMs, days, table);
    if (kept !== undefined) return kept;
    if (!isBitmapOnly) return [{ table, ...range }];
    const allowed = rollupsOfUsers.filter((table) => rollups?.includes(table) ?? true);
    return planSlices(range, startsMs, allowed);
  };
  return {
    slices: plan({ fromMs, endMs }),
    history: sets.history ? plan({ fromMs: instantMsMin, endMs: fromMs }) : [],
  };
}

/** What is asked of events one by one, and what cuts the finished sets: conditions that are sets of people. */
function conditionsOf({ selector, occurrencesMin }: IntervalSets): {
  readonly ofEvents: readonly Filter[];
  readonly ofPeople: readonly Filter[];
} {
  // Where a person's events are counted, there is no finished set to cut but what they leave.
  const split = occurrencesMin === 1 ? splitFilters(selector.filters) : undefined;
  return split ?? { ofEvents: selector.filters, ofPeople: [] };
}

/** What the sets would take from a selector, if somebody had it kept; undefined where every row is needed. */
export function wantedOfSets({ selector, occurrencesMin }: IntervalSets): Wanted | undefined {
  if (isSessionEvent(selector.event)) return undefined;
  const split = splitFilters(selector.filters);
  if (occurrencesMin > 1 || split === undefined || split.ofEvents.length === 0) return undefined;
  return { event: selector.event, filters: split.ofEvents, users: true };
}

/** All that the sets look at. */
export function rangeOfSets({ buckets, fromMs, endMs, history }: IntervalSets): {
  fromMs: number;
  endMs: number;
} {
  return { fromMs: history ? instantMsMin : (fromMs ?? (buckets.startsMs[0] as number)), endMs };
}

export function sourcesOf({ slices, history }: SetsPlan): string[] {
  const tables = (plan: RangePlan): string[] =>
    ("kept" in plan ? plan.slices : plan).map((slice) => slice.table);
  return [...tables(slices), ...tables(history)];
}

/**
 * Rows interval_key, persons (a bitmap): one for every interval, empty ones too. Ids become persons when sets are
 * finished, which costs nothing a row; where events of a person are counted, before that.
 */
export function personSetsSql(sets: IntervalSets, plan: SetsPlan, context: SqlContext): string {
  const keys = [...(sets.history ? [historyKey] : []), ...bucketKeys(sets.buckets)];
  const empty = `SELECT arrayJoin(${context.parameters.bind("Array(Int64)", keys)}) AS interval_key, bitmapBuild(emptyArrayUInt32()) AS slice_persons`;
  const parts = [
    ...rangeSetsSql(sets, plan.history, true, context),
    ...rangeSetsSql(sets, plan.slices, false, context),
  ];
  const merged = personsOfSql(context.people, "groupBitmapMergeState(slice_persons)");
  const persons = cutBitmapSql(merged, conditionsOf(sets).ofPeople, context);
  return [
    `SELECT interval_key, ${persons} AS persons`,
    `FROM (\n${[...parts, empty].join("\nUNION ALL\n")}\n)`,
    "GROUP BY interval_key",
  ].join("\n");
}

function rangeSetsSql(sets: IntervalSets, plan: RangePlan, history: boolean, context: SqlContext): string[] {
  const { buckets } = sets;
  const selector = { event: sets.selector.event, filters: conditionsOf(sets).ofEvents };
  const before = `toInt64(${historyKey})`;
  if (!("kept" in plan)) {
    return plan.map((slice) =>
      sliceSql(
        { ...sets, selector },
        slice,
        history ? before : bucketSql(slice.table, buckets, context.parameters),
        context,
      ),
    );
  }
  return plan.slices.map((slice) => {
    const key = history ? before : sliceBucketSql(slice, buckets, context);
    const rows = fromSlice(slice, plan.kept, selector, context);
    // What is kept is sets already, to be joined once.
    return isKept(slice.table)
      ? `SELECT ${key} AS interval_key, users AS slice_persons\n${rows}`
      : `SELECT ${key} AS interval_key, groupBitmapState(user_number) AS slice_persons\n${rows}\nGROUP BY interval_key`;
  });
}

function sliceSql(sets: IntervalSets, slice: Slice, key: string, context: SqlContext): string {
  const { table } = slice;
  if (table !== "steps" && table !== "events") {
    if (context.people.sample !== undefined) throw new Error("a rollup that holds everybody met a sample");
    const conditions = [
      rangeSql(table, slice, context.parameters),
      ...eventConditions(sets.selector, context),
    ];
    const rows = fromTable(rollupTable(table, sets.selector.event), conditions);
    return `SELECT ${key} AS interval_key, groupBitmapMergeState(users) AS slice_persons\n${rows}\nGROUP BY interval_key`;
  }
  const source = sampledTable(table, context.people);
  const rows = selectRows(sets.selector, source.table, slice, context).from(source.conditions);
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
