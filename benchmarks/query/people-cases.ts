// Questions about who comes back: retention, stickiness, lifecycle.
import { dayMs } from "../generate/plan.ts";
import type { DataSet } from "./data-set.ts";
import { peerEvents, type Row } from "./peer-table.ts";
import { plainRange, wholeRange, type QueryCase } from "./query-case.ts";

interface RetentionAnswer {
  readonly cohorts: readonly { readonly start: string; readonly returned: readonly number[] }[];
}

interface StickinessAnswer {
  readonly series: readonly {
    readonly counts: readonly { readonly intervals: number; readonly users: number }[];
  }[];
}

type LifecycleAnswer = Readonly<Record<"new" | "returning" | "resurrecting" | "dormant", readonly number[]>>;

const retentionPath = "/v1/query/retention";

/** Row's start in seconds, intervals later, people. */
function triangle(answer: RetentionAnswer): Row[] {
  return answer.cohorts.flatMap(({ start, returned }) =>
    returned.flatMap((people, later): Row[] =>
      people === 0 ? [] : [[Date.parse(start) / 1000, later, people]],
    ),
  );
}

/** Pairs of a person's intervals, counted from `fromMs`: `first` is what makes a row of the triangle. */
function plainTriangle(where: string, periodDays: number, fromMs: number, isFirstTime = false): string {
  const interval = `floor((toUnixTimestamp(timestamp) - ${fromMs / 1000}) / ${periodDays * 86_400})`;
  const first = isFirstTime ? "[arrayMin(intervals)]" : "intervals";
  return `SELECT ${fromMs / 1000} + row * ${periodDays * 86_400}, later - row AS k, count()
    FROM (SELECT groupUniqArray(toInt16(${interval})) AS intervals FROM ${peerEvents} WHERE ${where} GROUP BY user_id)
    ARRAY JOIN ${first} AS row ARRAY JOIN arrayFilter(each -> each >= row, intervals) AS later WHERE row >= 0 GROUP BY row, k`;
}

export function peopleCases(data: DataSet): QueryCase[] {
  // Whole calendar weeks, which begin on Mondays: 1970 began on a Thursday.
  const weekMs = 7 * dayMs;
  const mondayMs = 4 * dayMs;
  const weeksFromMs = Math.ceil((data.fromMs - mondayMs) / weekMs) * weekMs + mondayMs;
  const weeks = Math.floor((data.endMs - weeksFromMs) / weekMs);
  const weeksEndMs = weeksFromMs + weeks * weekMs;
  const months = 30;
  const iso = (epochMs: number): string => new Date(epochMs).toISOString();
  const lastDaysMs = data.endMs - months * dayMs;
  const weekly = (shift: number, type: string, event: string | null): object => ({
    from: iso(weeksFromMs - shift * weekMs),
    to: iso(weeksEndMs - 1),
    target: { event },
    returning: { event },
    ...{ period: "week", periods: weeks + shift, type },
  });
  const inWeeks = plainRange(data, weeksFromMs, weeksEndMs);
  return [
    {
      name: `retention, ${weeks} × ${weeks} weeks, any event`,
      ...{ kind: "retention", goalMs: 150, goalRatio: 50, path: retentionPath },
      body: (shift) => weekly(shift, "recurring", null),
      plainSql: plainTriangle(inWeeks, 7, weeksFromMs),
      rows: triangle,
    },
    {
      name: `retention, ${months} × ${months} days, one event`,
      ...{ kind: "retention", goalMs: 150, goalRatio: 50, path: retentionPath },
      body: (shift) => ({
        from: iso(lastDaysMs - (shift % 50) * dayMs),
        to: iso(data.endMs - 1 - (shift % 50) * dayMs),
        target: { event: "page_viewed" },
        returning: { event: "page_viewed" },
        ...{ period: "day", periods: months, type: "recurring" },
      }),
      plainSql: plainTriangle(
        `${plainRange(data, lastDaysMs, data.endMs)} AND event = 'page_viewed'`,
        1,
        lastDaysMs,
      ),
      rows: triangle,
    },
    {
      name: `retention, first time, ${weeks} × ${weeks} weeks, one event`,
      ...{ kind: "retention", goalMs: 150, goalRatio: 50, path: retentionPath },
      body: (shift) => weekly(shift, "first_time", "order_placed"),
      // Who began before the first of these weeks is nobody's first time in them.
      plainSql: plainTriangle(
        `${plainRange(data, data.fromMs, weeksEndMs)} AND event = 'order_placed'`,
        7,
        weeksFromMs,
        true,
      ),
      rows: triangle,
    },
    {
      name: "stickiness by week, any event",
      ...{ kind: "stickiness, lifecycle", goalMs: 150, goalRatio: 50 },
      path: "/v1/query/stickiness",
      body: (shift) => ({ ...wholeRange(data, shift, 7), event: null, interval: "week" }),
      plainSql: `SELECT intervals, count() FROM (SELECT uniqExact(toMonday(timestamp)) AS intervals FROM ${peerEvents} WHERE ${plainRange(data)} GROUP BY user_id) GROUP BY intervals`,
      rows: (answer: StickinessAnswer): Row[] =>
        (answer.series[0]?.counts ?? []).flatMap(({ intervals, users }): Row[] =>
          users === 0 ? [] : [[intervals, users]],
        ),
    },
    {
      name: "lifecycle by day, any event",
      ...{ kind: "stickiness, lifecycle", goalMs: 150, goalRatio: 50 },
      path: "/v1/query/lifecycle",
      body: (shift) => ({ ...wholeRange(data, shift), event: null, interval: "day" }),
      plainSql: `SELECT part.1 AS kind, part.2 AS day, if(kind = 'dormant', -1, 1) * toInt64(count()) FROM (
        SELECT arraySort(groupUniqArray(toUInt16(intDiv(toUnixTimestamp(timestamp) - ${data.fromMs / 1000}, 86400)))) AS days
        FROM ${peerEvents} WHERE ${plainRange(data)} GROUP BY user_id)
        ARRAY JOIN arrayConcat(
          arrayMap((d, gap, place) -> (multiIf(place = 1, 'new', gap = 1, 'returning', 'resurrecting'), d), days, arrayDifference(days), arrayEnumerate(days)),
          arrayMap(d -> ('dormant', toUInt16(d + 1)), arrayFilter((d, next) -> next != d + 1 AND d + 1 < ${data.days}, days, arrayPushBack(arrayPopFront(days), 65535)))
        ) AS part GROUP BY kind, day`,
      rows: (answer: LifecycleAnswer): Row[] =>
        (["new", "returning", "resurrecting", "dormant"] as const).flatMap((kind) =>
          answer[kind].flatMap((people, index): Row[] => (people === 0 ? [] : [[kind, index, people]])),
        ),
    },
  ];
}
