// For tests: what retention, stickiness and lifecycle mean, sentence by sentence, over arrays of events.
import { Temporal } from "@js-temporal/polyfill";
import type { EventSelection } from "#schemas/query/event-selection.ts";
import type { Filter } from "#schemas/query/filter.ts";
import type { LifecycleQuery } from "#schemas/query/lifecycle.ts";
import type { RetentionQuery, RetentionRow } from "#schemas/query/retention.ts";
import type { StickinessQuery } from "#schemas/query/stickiness.ts";
import { breakdownNone, breakdownOther } from "#schemas/query/trends.ts";
import { intervalStart, textOf, valueOf, type ReferenceEvent } from "./naive-reference.ts";
import type { Interval, WeekStart } from "../time/calendar.ts";

/** What the reference looks at; `user` of its events is the person. */
export interface IntervalData {
  readonly events: readonly ReferenceEvent[];
  matches(event: ReferenceEvent, filters: readonly Filter[]): boolean;
  userValue(person: number, property: string): unknown;
  isMember(person: number, cohort: string): boolean;
}

interface Calendar {
  readonly zone: string;
  readonly interval: Interval;
  readonly weekStart: WeekStart;
}

/** Starts by calendar and instant: the same events are asked about again and again, and Temporal is slow. */
const knownStarts = new Map<string, Map<number, number>>();

function startOf(instantMs: number, { zone, interval, weekStart }: Calendar): number {
  const calendar = `${zone} ${interval} ${weekStart}`;
  const known = knownStarts.get(calendar) ?? new Map<number, number>();
  knownStarts.set(calendar, known);
  const start = known.get(instantMs) ?? intervalStart(instantMs, zone, interval, weekStart);
  known.set(instantMs, start);
  return start;
}

/** The start of the interval after (or before, with -1) the one that begins at `startMs`. */
function neighbour(startMs: number, direction: 1 | -1, { zone, interval }: Calendar): number {
  const at = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO(zone);
  if (interval === "hour") return at.add({ hours: direction }).epochMilliseconds;
  const date = at.toPlainDate();
  const next = {
    minute: date,
    day: date.add({ days: direction }),
    week: date.add({ weeks: direction }),
    month: date.add({ months: direction }),
  }[interval];
  return next.toZonedDateTime(zone).epochMilliseconds;
}

function select(
  data: IntervalData,
  selection: EventSelection,
  common: readonly Filter[] = [],
): ReferenceEvent[] {
  return data.events.filter(
    (event) =>
      ((selection.event ?? null) === null || event.event === selection.event) &&
      data.matches(event, [...common, ...(selection.filters ?? [])]),
  );
}

export interface ExpectedRetention {
  readonly cohorts: RetentionRow[];
  readonly breakdowns: { value: string; cohorts: RetentionRow[] }[] | undefined;
  /** Of each row: each person with the offsets in which it returned. */
  readonly people: Map<number, number[]>[];
}

export function expectedRetention(
  data: IntervalData,
  query: RetentionQuery & { from: number; to?: number; periods: number },
): ExpectedRetention {
  const calendar: Calendar = {
    zone: query.timezone ?? "UTC",
    interval: query.period ?? "day",
    weekStart: query.week_start ?? "monday",
  };
  // "one row for each of the `periods` intervals from `from`"
  const starts = [startOf(query.from, calendar)];
  while (starts.length < query.periods) starts.push(neighbour(starts.at(-1) as number, 1, calendar));
  const rowOf = (event: ReferenceEvent): number => starts.indexOf(startOf(event.timestampMs, calendar));
  // "later events are ignored"
  const { to } = query;
  const inTime = (event: ReferenceEvent): boolean => to === undefined || event.timestampMs <= to;
  const targets = select(data, query.target, query.filters).filter(inTime);
  const returns = select(data, query.returning ?? query.target, query.filters).filter(inTime);

  // Row i: persons with the target events by which they belong to it.
  const rows = starts.map(() => new Map<number, ReferenceEvent[]>());
  for (const [person, events] of Map.groupBy(targets, (event) => event.user)) {
    const first = Math.min(...events.map((event) => event.timestampMs));
    for (const event of events) {
      if (query.type === "first_time" && event.timestampMs !== first) continue;
      const row = rows[rowOf(event)];
      if (row !== undefined) row.set(person, [...(row.get(person) ?? []), event]);
    }
  }
  const counted = (person: number, interval: number): boolean =>
    returns.filter((event) => event.user === person && rowOf(event) === interval).length >=
    (query.min_occurrences ?? 1);
  const offsetsOf = new Map<string, number[]>();
  const offsets = (person: number, row: number): number[] => {
    const known = offsetsOf.get(`${person} ${row}`);
    if (known !== undefined) return known;
    const found = starts.flatMap((_, interval) =>
      interval > row && counted(person, interval) ? [interval - row] : [],
    );
    offsetsOf.set(`${person} ${row}`, found);
    return found;
  };
  const table = (belongs: (person: number, events: readonly ReferenceEvent[]) => boolean): RetentionRow[] =>
    starts.map((start, row) => {
      const persons = [...(rows[row] ?? [])].flatMap(([person, events]) =>
        belongs(person, events) ? [person] : [],
      );
      const returned = starts.slice(row + 1).map((_, at) => {
        const column = at + 1;
        return persons.filter((person) =>
          offsets(person, row).some((offset) =>
            query.cumulative === true ? offset >= column : offset === column,
          ),
        ).length;
      });
      return {
        start: new Date(start).toISOString(),
        size: persons.length,
        returned: [persons.length, ...returned],
      };
    });
  const people = rows.map(
    (row, at) => new Map([...row.keys()].map((person) => [person, [0, ...offsets(person, at)]])),
  );
  return { cohorts: table(() => true), breakdowns: breakdownsOf(data, query, rows, table), people };
}

function breakdownsOf(
  data: IntervalData,
  query: RetentionQuery,
  rows: readonly ReadonlyMap<number, readonly ReferenceEvent[]>[],
  table: (belongs: (person: number, events: readonly ReferenceEvent[]) => boolean) => RetentionRow[],
): ExpectedRetention["breakdowns"] {
  const { breakdown } = query;
  if (breakdown === undefined) return undefined;
  if ("cohorts" in breakdown) {
    return breakdown.cohorts.map((value) => ({
      value,
      cohorts: table((person) => data.isMember(person, value)),
    }));
  }
  const { property, on, limit = 25 } = breakdown;
  // The earliest event's; of several at the same instant the value that sorts first, a missing one last.
  const valueIn = (person: number, events: readonly ReferenceEvent[]): string | null => {
    if (on === "user") return textOf(data.userValue(person, property));
    const first = Math.min(...events.map((event) => event.timestampMs));
    const texts = events
      .filter((event) => event.timestampMs === first)
      .map((event) => textOf(valueOf(event, property)));
    return texts.sort(missingLast)[0] ?? null;
  };
  const totals = new Map<string | null, number>();
  for (const row of rows) {
    for (const [person, events] of row) {
      const value = valueIn(person, events);
      totals.set(value, (totals.get(value) ?? 0) + 1);
    }
  }
  const ranked = [...totals].sort(
    ([left, leftTotal], [right, rightTotal]) => rightTotal - leftTotal || missingLast(left, right),
  );
  const values = ranked.map(([value]) => value);
  const top = values.slice(0, limit);
  return [
    ...top.map((value) => ({
      value: value ?? breakdownNone,
      cohorts: table((person, events) => valueIn(person, events) === value),
    })),
    ...(values.length > limit
      ? [
          {
            value: breakdownOther,
            cohorts: table((person, events) => !top.includes(valueIn(person, events))),
          },
        ]
      : []),
  ];
}

function missingLast(left: string | null, right: string | null): number {
  if (left === null || right === null) return Number(left === null) - Number(right === null);
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function inRange(events: readonly ReferenceEvent[], fromMs: number, toMs: number): ReferenceEvent[] {
  return events.filter((event) => event.timestampMs >= fromMs && event.timestampMs <= toMs);
}

/** "people by the number of distinct intervals in which they did the event": people by that number. */
export function expectedStickiness(
  data: IntervalData,
  selection: EventSelection,
  query: StickinessQuery & { from: number; to: number },
): Map<number, number> {
  const calendar: Calendar = {
    zone: query.timezone ?? "UTC",
    interval: query.interval ?? "day",
    weekStart: query.week_start ?? "monday",
  };
  const events = inRange(select(data, selection, query.filters), query.from, query.to);
  const counts = new Map<number, number>();
  for (const own of Map.groupBy(events, (event) => event.user).values()) {
    const intervals = new Set(own.map((event) => startOf(event.timestampMs, calendar))).size;
    counts.set(intervals, (counts.get(intervals) ?? 0) + 1);
  }
  return counts;
}

export interface ExpectedLifecycle {
  buckets: string[];
  new: number[];
  returning: number[];
  resurrecting: number[];
  dormant: number[];
}

export function expectedLifecycle(
  data: IntervalData,
  query: LifecycleQuery & { from: number; to: number },
): ExpectedLifecycle {
  const calendar: Calendar = {
    zone: query.timezone ?? "UTC",
    interval: query.interval ?? "day",
    weekStart: query.week_start ?? "monday",
  };
  const events = inRange(select(data, { event: query.event ?? null }, query.filters), -Infinity, query.to);
  const people = [...Map.groupBy(events, (event) => event.user).values()].map((own) => ({
    first: Math.min(...own.map((event) => event.timestampMs)),
    starts: new Set(own.map((event) => startOf(event.timestampMs, calendar))),
  }));
  const answer: ExpectedLifecycle = { buckets: [], new: [], returning: [], resurrecting: [], dormant: [] };
  for (let start = startOf(query.from, calendar); start <= query.to; start = neighbour(start, 1, calendar)) {
    const before = neighbour(start, -1, calendar);
    const count = (test: (person: (typeof people)[number]) => boolean): number => people.filter(test).length;
    answer.buckets.push(new Date(start).toISOString());
    answer.new.push(count(({ starts, first }) => starts.has(start) && first >= start));
    answer.returning.push(count(({ starts }) => starts.has(start) && starts.has(before)));
    answer.resurrecting.push(
      count(({ starts, first }) => starts.has(start) && !starts.has(before) && first < before),
    );
    answer.dormant.push(0 - count(({ starts }) => starts.has(before) && !starts.has(start)));
  }
  return answer;
}
