import { expect, test } from "vitest";
import { liveLimits, type LiveFilter } from "#schemas/live/live-filter.ts";
import { decodeLiveMessage, type LiveInterest } from "#schemas/live/live-messages.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import type { PipelineEvent } from "../events/pipeline-event.ts";
import { selectLive } from "./select-live.ts";

function buildEvent(n: number, change: Partial<LogEvent> = {}): PipelineEvent {
  const log: LogEvent = {
    project_id: 1,
    event: n % 2 === 0 ? "even" : "odd",
    event_id: `id-${n}`,
    user_id: `u${n % 5}`,
    anonymous_id: "",
    session_id: "",
    timestamp: 0,
    received_at: 1,
    properties: JSON.stringify({ n }),
    context: "",
    user_agent: "",
    ...change,
  };
  return { log, sinceMs: log.received_at, sequence: 100 + n, index: n, userNumber: n % 5, sessionId: "s" };
}

const filter = (change: Partial<LiveFilter> = {}): LiveFilter => ({
  events: [],
  user: "",
  filters: [],
  ...change,
});
const interest = (filters: Record<string, LiveFilter>, counters = false, projectId = 1): LiveInterest => ({
  projectId,
  filters,
  counters,
});

function select(events: PipelineEvent[], interests: LiveInterest[], except: PipelineEvent[] = []) {
  const outcomes = except.map((event) => ({
    event,
    outcome: "quarantined" as const,
    reason: "X",
    message: "",
  }));
  return selectLive(events, interests, { partition: 3, except: outcomes });
}

/** Numbers of the events that a filter gets, of all messages. */
function given(messages: ReturnType<typeof select>, id: string): number[] {
  return (messages ?? []).flatMap(({ text }) => {
    const { header, lines } = decodeLiveMessage(text);
    const position = String(header.filters.indexOf(id));
    return lines
      .filter((line) => line.filters.split(",").includes(position))
      .map((line) => (JSON.parse(line.event) as { properties: { n: number } }).properties.n);
  });
}

test("each filter gets its events in order, of its project only, and none that was not stored", () => {
  const events = Array.from({ length: 10 }, (_, n) => buildEvent(n));
  const others = [buildEvent(11, { project_id: 2 })];
  const messages = select(
    [...events, ...others],
    [
      interest({
        all: filter(),
        even: filter({ events: ["even"] }),
        one: filter({ user: "u1" }),
        large: filter({ filters: [{ property: "n", operator: "gt", value: 7 }] }),
      }),
      interest({ nothing: filter() }, false, 3),
    ],
    [events[4] as PipelineEvent],
  );
  expect(messages).toHaveLength(1);
  expect(messages?.[0]?.projectId).toBe(1);
  expect(given(messages, "all")).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
  expect(given(messages, "even")).toEqual([0, 2, 6, 8]);
  expect(given(messages, "one")).toEqual([1, 6]);
  expect(given(messages, "large")).toEqual([8, 9]);
});

test("nobody who listens is told nothing", () => {
  expect(select([buildEvent(1)], [interest({ a: filter({ events: ["x"] }) })])).toBeUndefined();
  expect(select([], [interest({ a: filter() }, true)])).toBeUndefined();
});

test("an event is one line, whatever it holds, and reads like a row of an export", () => {
  const messages = select(
    [
      buildEvent(1, {
        properties: '{"n":1,\r\n"text":"a\\nb"}',
        context: '{"user_agent":\n"curl/8"}',
        anonymous_id: "a",
        user_id: "",
      }),
    ],
    [interest({ all: filter() })],
  );
  const { lines } = decodeLiveMessage(messages?.[0]?.text as string);
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]?.event as string)).toMatchObject({
    id: "3-101-1",
    event: "odd",
    event_id: "id-1",
    user_id: null,
    anonymous_id: "a",
    session_id: "s",
    timestamp: "1970-01-01T00:00:00.000Z",
    received_at: "1970-01-01T00:00:00.001Z",
    properties: { n: 1, text: "a\nb" },
    context: { user_agent: "curl/8" },
    is_bot: true,
    utm_source: null,
  });
});

test("a filter that wants too much is told how many it missed; others miss nothing", () => {
  const events = Array.from({ length: liveLimits.eventsPerBatchMax + 500 }, (_, n) => buildEvent(n));
  const messages = select(events, [
    interest({ all: filter(), one: filter({ filters: [{ property: "n", operator: "gte", value: 1_490 }] }) }),
  ]);
  expect(given(messages, "all")).toHaveLength(liveLimits.eventsPerBatchMax);
  expect(given(messages, "one")).toEqual([1490, 1491, 1492, 1493, 1494, 1495, 1496, 1497, 1498, 1499]);
  const headers = (messages ?? []).map(({ text }) => decodeLiveMessage(text).header);
  expect(headers.at(-1)?.skipped).toEqual({ all: 500 });
});

test("large batches are told in several messages, within the bound of a batch", () => {
  const filling = "x".repeat(30_000);
  const events = Array.from({ length: 300 }, (_, n) =>
    buildEvent(n, { properties: JSON.stringify({ n, filling }) }),
  );
  const messages = select(events, [interest({ all: filter() })]) ?? [];
  expect(messages.length).toBeGreaterThan(5);
  expect(Math.max(...messages.map(({ text }) => text.length))).toBeLessThan(1024 * 1024);
  const told = given(messages, "all");
  expect(told).toEqual(Array.from({ length: told.length }, (_, n) => n));
  const { header } = decodeLiveMessage(messages.at(-1)?.text as string);
  expect(told.length + (header.skipped?.["all"] ?? 0)).toBe(300);
});

test("counters name each user once, in as many messages as it takes", () => {
  const events = Array.from({ length: 50_000 }, (_, n) => ({ ...buildEvent(n % 2), userNumber: n % 45_000 }));
  const messages = select(events, [interest({}, true)]) ?? [];
  expect(messages.length).toBeGreaterThan(2);
  const counts = messages.flatMap(({ text }) => decodeLiveMessage(text).header.counts ?? []);
  for (const name of ["even", "odd"]) {
    const own = counts.filter(({ event }) => event === name);
    expect(own.reduce((sum, { events: count }) => sum + count, 0)).toBe(25_000);
    const users = own.flatMap((count) => count.users);
    expect(new Set(users).size).toBe(users.length);
    expect(users.length).toBe(22_500);
  }
});
