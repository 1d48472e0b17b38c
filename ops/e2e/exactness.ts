// Compares every answer of an installation with the truth about what was sent.
import { expect } from "vitest";
import { sleep, type Installation } from "./installation.ts";
import { personOf, type SentEvent } from "./senders.ts";

export interface TrendsAnswer {
  series: { label: string; breakdown?: string; values: number[]; total: number }[];
  meta: { exact: boolean };
}

const triesMax = 20;

export async function queryTrends(installation: Installation, body: object): Promise<TrendsAnswer> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(`${installation.url}/v1/query/trends`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${installation.keys.read}` },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (response.status === 200) return JSON.parse(text) as TrendsAnswer;
    // A store that is just coming back is said so, with the time to wait: a client asks again then.
    const retryAfterSeconds = Number(response.headers.get("retry-after"));
    if (response.status !== 503 || !(retryAfterSeconds > 0) || tries === triesMax) {
      throw new Error(`trends answered ${response.status}: ${text}\n${installation.readLog("query-1")}`);
    }
    await sleep(retryAfterSeconds * 1000);
  }
}

/** Waits until `total` events are visible; the promise is 5 s, so a longer wait is the caller's failure. */
export async function waitForTotal(
  installation: Installation,
  total: number,
  range: object,
  msMax: number,
): Promise<number> {
  const startedAtMs = Date.now();
  for (;;) {
    const answer = await queryTrends(installation, {
      ...range,
      interval: "month",
      series: [{ event: null, math: "total" }],
    });
    const seen = answer.series[0]?.total ?? 0;
    if (seen >= total) return Date.now() - startedAtMs;
    if (Date.now() - startedAtMs > msMax)
      throw new Error(`${seen} of ${total} events visible after ${msMax} ms`);
    await sleep(100);
  }
}

/** Total, sum, uniques, counts per event, the same from raw rows and from pre-aggregated ones, and the raw export. */
export async function expectExact(installation: Installation, events: readonly SentEvent[]): Promise<void> {
  const day = 24 * 3600 * 1000;
  const range = {
    from: new Date(Date.now() - 70 * day).toISOString(),
    to: new Date(Date.now() + 2 * day).toISOString(),
  };
  const wholeDays = { from: range.from.slice(0, 10), to: range.to.slice(0, 10) };
  const names = [...new Set(events.map((event) => event.event))];
  const uniques = (subset: readonly SentEvent[]): number => new Set(subset.map(personOf)).size;

  for (const span of [range, wholeDays]) {
    for (const interval of ["day", "hour"]) {
      const answer = await queryTrends(installation, {
        ...span,
        interval,
        series: [
          { event: null, math: "total", label: "total" },
          { event: null, math: "unique_users", label: "uniques" },
          { event: null, math: "sum", property: "amount", label: "sum" },
          ...names.flatMap((event) => [
            { event, math: "total", label: `total ${event}` },
            { event, math: "unique_users", label: `uniques ${event}` },
          ]),
        ],
      });
      const totals = Object.fromEntries(answer.series.map((series) => [series.label, series.total]));
      const expected: Record<string, number> = {
        total: events.length,
        uniques: uniques(events),
        sum: events.reduce((sum, event) => sum + event.properties.amount, 0),
      };
      for (const name of names) {
        const subset = events.filter((event) => event.event === name);
        expected[`total ${name}`] = subset.length;
        expected[`uniques ${name}`] = uniques(subset);
      }
      expect(totals).toEqual(expected);
      const summed = answer.series.find((series) => series.label === "total")?.values ?? [];
      expect(summed.reduce((sum, value) => sum + value, 0)).toBe(events.length);
    }
  }
  await expectExportExact(installation, events, range);
}

async function expectExportExact(
  installation: Installation,
  events: readonly SentEvent[],
  range: { from: string; to: string },
): Promise<void> {
  const query = new URLSearchParams({ format: "ndjson", ...range });
  const response = await fetch(`${installation.url}/v1/export/events?${query}`, {
    headers: { authorization: `Bearer ${installation.keys.read}` },
  });
  expect(response.status).toBe(200);
  const rows = (await response.text())
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as SentEvent);
  const pick = ({ event, user_id, anonymous_id, event_id, timestamp, properties }: SentEvent): object => ({
    event,
    user_id: user_id ?? "",
    anonymous_id: anonymous_id ?? "",
    event_id,
    timestamp: new Date(timestamp).toISOString(),
    properties,
  });
  const byId = (a: SentEvent, b: SentEvent): number => (a.event_id < b.event_id ? -1 : 1);
  expect(rows.sort(byId).map(pick)).toEqual([...events].sort(byId).map(pick));
}
