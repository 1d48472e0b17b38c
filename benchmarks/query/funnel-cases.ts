// Questions about the order in which people do things: funnels and paths.
import type { DataSet } from "./data-set.ts";
import { peerEvents, type Row } from "./peer-table.ts";
import { plainRange, wholeRange, type QueryCase } from "./query-case.ts";

interface FunnelAnswer {
  readonly steps: readonly { readonly count: number }[];
}

/** The three commonest: about a quarter of all events. */
const steps = ["page_viewed", "product_viewed", "search_done"] as const;
const windowSeconds = 14 * 86_400;
const windowMs = windowSeconds * 1000;
const path = "/v1/query/funnel";

const counts = (answer: FunnelAnswer): Row[] => [answer.steps.map(({ count }) => count)];

const levels = "countIf(level >= 1), countIf(level >= 2), countIf(level >= 3)";
const isStep = (events: readonly string[]): string => events.map((event) => `event = '${event}'`).join(", ");
const inOrder = (events: readonly string[]): string =>
  `windowFunnel(${windowMs})(toUInt64(toUnixTimestamp64Milli(timestamp)), ${isStep(events)})`;

function permutations<T>(values: readonly T[]): T[][] {
  if (values.length <= 1) return [[...values]];
  return values.flatMap((value, index) =>
    permutations(values.filter((_, other) => other !== index)).map((rest) => [value, ...rest]),
  );
}

export function funnelCases(data: DataSet): QueryCase[] {
  const where = `${plainRange(data)} AND event IN (${steps.map((event) => `'${event}'`).join(", ")})`;
  const body = (shift: number): object => ({
    ...wholeRange(data, shift),
    steps: steps.map((event) => ({ event })),
    window_seconds: windowSeconds,
    order: "ordered",
    accuracy: "exact",
  });
  const perUser = (level: string): string =>
    `SELECT ${levels} FROM (SELECT ${level} AS level FROM ${peerEvents} WHERE ${where} GROUP BY user_id)`;
  return [
    {
      name: "funnel of the 3 commonest events, in order",
      ...{ kind: "funnel in order", goalMs: 500, insight: "funnel", path },
      body,
      plainSql: perUser(inOrder(steps)),
      rows: counts,
    },
    {
      name: "the same by day of entry",
      ...{ kind: "funnel in order", goalMs: 500, insight: "funnel", path },
      body: (shift) => ({ ...body(shift), view: "trend", interval: "day" }),
    },
    {
      name: "the same in any order",
      ...{ kind: "funnel in any order", goalMs: 500, insight: "funnel", path },
      body: (shift) => ({ ...body(shift), order: "unordered" }),
      // Some order of the steps is the one that a person went.
      plainSql: perUser(`greatest(${permutations(steps).map(inOrder).join(", ")})`),
      rows: counts,
    },
    {
      name: "the same with an exclusion",
      ...{ kind: "funnel with an exclusion", goalMs: 500, insight: "funnel", path },
      body: (shift) => ({
        ...body(shift),
        exclusions: [{ event: "logged_out", from_step: 0, to_step: 1 }],
      }),
    },
    {
      name: "the same, strictly one after the other",
      ...{ kind: "funnel, strict", goalMs: 1000, insight: "funnel", path },
      body: (shift) => ({ ...body(shift), order: "strict" }),
      plainSql: `SELECT ${levels} FROM (
        SELECT arraySort(groupArray((toUnixTimestamp64Milli(timestamp), toUInt8(multiIf(${steps.map((event, index) => `event = '${event}', ${index + 1}`).join(", ")}, 9))))) AS list,
          arrayMap(each -> each.2, list) AS e, arrayMap(each -> each.1, list) AS t,
          arrayPushBack(arrayPopFront(e), 9) AS e2, arrayPushBack(arrayPopFront(e2), 9) AS e3,
          arrayPushBack(arrayPopFront(t), 0) AS t2, arrayPushBack(arrayPopFront(t2), 0) AS t3,
          multiIf(arrayExists((a, b, c, s, u) -> a = 1 AND b = 2 AND c = 3 AND u - s <= ${windowMs}, e, e2, e3, t, t3), 3,
            arrayExists((a, b, s, u) -> a = 1 AND b = 2 AND u - s <= ${windowMs}, e, e2, t, t2), 2, has(e, 1), 1, 0) AS level
        FROM ${peerEvents} WHERE ${plainRange(data)} GROUP BY user_id)`,
      rows: counts,
    },
    {
      name: "the funnel in order, of a sample",
      ...{ kind: "funnels of a sample", goalMs: 500, path },
      body: (shift) => ({ ...body(shift), accuracy: "fast" }),
    },
    {
      name: "the strict funnel, of a sample",
      ...{ kind: "funnels of a sample", goalMs: 500, path },
      body: (shift) => ({ ...body(shift), order: "strict", accuracy: "fast" }),
    },
    {
      name: "funnel of two rarer events by country",
      ...{ kind: "funnel by a property", goalMs: 500, needsRows: true, path },
      body: (shift) => ({
        ...wholeRange(data, shift),
        steps: [{ event: "order_placed" }, { event: "refund_asked" }],
        ...{ window_seconds: windowSeconds, order: "ordered", accuracy: "exact" },
        breakdown: { property: "country", attribution: "first_touch" },
      }),
    },
    {
      name: "paths, 3 steps after a rarer event",
      ...{ kind: "paths", goalMs: 500, path: "/v1/query/paths" },
      body: (shift) => ({
        ...wholeRange(data, shift),
        anchor: { event: "gift_bought" },
        steps: 3,
        accuracy: "exact",
      }),
    },
  ];
}
