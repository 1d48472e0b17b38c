// The live feed at the edge alone, with what workers would tell: who may listen, to what, and what happens to
// listeners that do not read, to many of them, and when the edge stops.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { LiveFilter } from "#schemas/live/live-filter.ts";
import { liveLimits } from "#schemas/live/live-filter.ts";
import {
  encodeLiveMessage,
  liveInterestSubject,
  liveSubject,
  type LiveAnnouncement,
} from "#schemas/live/live-messages.ts";
import { LiveListener } from "../testing/live-listener.ts";
import { startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

let edge: EdgeUnderTest;
/** The latest that the edge has announced of project 1. */
let announced: LiveAnnouncement | undefined;

beforeAll(async () => {
  edge = await startEdge(inject("servers").natsUrl);
  edge.connection.subscribe(liveInterestSubject, {
    callback: (error, message) => {
      const announcement = message.json<LiveAnnouncement>();
      if (!error && announcement.projectId === 1) announced = announcement;
    },
  });
  await edge.connection.flush();
});

afterAll(() => edge.stop());

const address = (query: string): string => `${edge.url}/v1/live?${query}`;

async function listen(query: string): Promise<LiveListener> {
  return (await LiveListener.stream(address(query), { authorization: `Bearer ${testKeys.read}` })).opened();
}

function idOf(matches: (filter: LiveFilter) => boolean): string {
  const found = Object.entries(announced?.filters ?? {}).find(([, filter]) => matches(filter));
  if (found === undefined) throw new Error(`not announced: ${JSON.stringify(announced)}`);
  return found[0];
}

/** What a worker would tell for one filter. */
function tell(id: string, events: object[], skipped = 0): void {
  const lines = events.map((event) => `0 ${JSON.stringify(event)}`);
  const header = { filters: [id], ...(skipped > 0 ? { skipped: { [id]: skipped } } : {}) };
  edge.connection.publish(liveSubject(1), encodeLiveMessage(header, lines));
}

test.each([
  { name: "no key", query: "", key: undefined, status: 401, code: "UNAUTHORIZED" },
  { name: "an unknown key", query: "", key: "nobody", status: 401, code: "UNAUTHORIZED" },
  {
    name: "an unknown key in the address",
    query: "key=x",
    key: undefined,
    status: 401,
    code: "UNAUTHORIZED",
  },
  { name: "a write key", query: "", key: testKeys.write, status: 403, code: "FORBIDDEN" },
  { name: "an unknown parameter", query: "evnt=a", key: testKeys.read, status: 400, code: "INVALID_QUERY" },
  { name: "an unknown stream", query: "stream=all", key: testKeys.read, status: 400, code: "INVALID_QUERY" },
  {
    name: "filters that are no JSON",
    query: "filters=[",
    key: testKeys.read,
    status: 400,
    code: "INVALID_PARAMETER",
  },
  {
    name: "a cohort",
    query: 'filters=[{"cohort":"c"}]',
    key: testKeys.read,
    status: 400,
    code: "INVALID_QUERY",
  },
  {
    name: "a property of people",
    query: 'filters=[{"property":"a","operator":"is_set","on":"user"}]',
    key: testKeys.read,
    status: 400,
    code: "INVALID_QUERY",
  },
  {
    name: "a list for eq",
    query: 'filters=[{"property":"a","operator":"eq","value":["a"]}]',
    key: testKeys.read,
    status: 400,
    code: "INVALID_QUERY",
  },
  {
    name: "filtered counters",
    query: "stream=counters&event=a",
    key: testKeys.read,
    status: 400,
    code: "INVALID_PARAMETER",
  },
])("refused, with a status of its own: $name", async ({ query, key, status, code }) => {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(encodeURI(address(query)), { headers });
  const { error } = (await response.json()) as { error: { code: string } };
  expect({ status: response.status, code: error.code }).toEqual({ status, code });
});

test.each([
  { name: "no key", query: "", first: {}, code: 4401 },
  { name: "a wrong key", query: "", first: { key: "nobody" }, code: 4401 },
  { name: "a write key in the address", query: `key=${testKeys.write}`, first: undefined, code: 4403 },
  { name: "a wrong filter", query: "filters=1", first: undefined, code: 1008 },
])("a socket is refused with a close code: $name", async ({ query, first, code }) => {
  const listener = await LiveListener.socket(address(query), first);
  await listener.until(() => listener.closed !== undefined);
  expect(listener.closed).toBe(code);
  expect(listener.of("end")).toHaveLength(1);
});

test("what one filter wants is announced once, told to all who want it, and forgotten when they have left", async () => {
  const first = await listen("event=a&event=b");
  const second = await listen("event=b&event=a");
  const third = await listen("event=c");
  const socket = await (
    await LiveListener.socket(`${address("event=a&event=b")}&key=${testKeys.read}`)
  ).opened();
  expect(Object.keys(announced?.filters ?? {})).toHaveLength(2);
  expect(announced?.counters).toBe(false);
  tell(
    idOf(({ events }) => events.includes("a")),
    [{ n: 1 }, { n: 2 }],
    7,
  );
  tell(
    idOf(({ events }) => events.includes("c")),
    [{ n: 3 }],
  );
  for (const listener of [first, second, socket]) {
    await listener.until(() => listener.of("skipped")[0]);
    expect(listener.of("event")).toEqual([{ n: 1 }, { n: 2 }]);
    expect(listener.of("skipped")).toEqual([{ events: 7 }]);
  }
  await third.until(() => third.of("event")[0]);
  expect(third.of("event")).toEqual([{ n: 3 }]);
  for (const listener of [first, second, third, socket]) listener.close();
  await first.until(() => announced !== undefined && Object.keys(announced.filters).length === 0);
});

test("counters come every second, also when nothing does, and count each user of a second once", async () => {
  const listener = await listen("stream=counters");
  expect(announced?.counters).toBe(true);
  await listener.until(() => listener.of("counters").length > 0);
  for (const users of [
    [1, 2],
    [2, 3],
  ]) {
    const counts = [
      { event: "a", events: 4, users },
      { event: "b", events: 1, users: [9] },
    ];
    edge.connection.publish(liveSubject(1), encodeLiveMessage({ filters: [], counts }, []));
  }
  const told = await listener.until(() => listener.of("counters").find(({ events }) => events !== 0));
  expect(told).toMatchObject({
    events: 10,
    users: 4,
    by_event: [
      { event: "a", events: 8, users: 3 },
      { event: "b", events: 2, users: 1 },
    ],
  });
  listener.close();
});

test("a listener that does not read is told so and disconnected; others lose nothing", async () => {
  const slow = await listen("event=flood");
  const quick = await listen("event=flood");
  slow.stopReading();
  const id = idOf(({ events }) => events.includes("flood"));
  const rounds = 400;
  for (let round = 0; round < rounds; round += 1) {
    tell(id, [{ round, filling: "x".repeat(50_000) }]);
    if (round % 20 === 19) await quick.until(() => quick.of("event").length > round);
  }
  await quick.until(() => quick.of("event").length === rounds);
  expect(quick.of("event").map(({ round }) => round)).toEqual(Array.from({ length: rounds }, (_, n) => n));
  slow.readOn();
  await slow.until(() => slow.closed !== undefined);
  expect(slow.of("end")).toMatchObject([{ code: "LISTENER_TOO_SLOW" }]);
  expect(slow.of("event").length).toBeLessThan(rounds);
  quick.close();
});

test("a quiet stream stays open", { timeout: 40_000 }, async () => {
  const listener = await listen("event=never");
  await sleep(14_000);
  expect(listener.closed).toBeUndefined();
  tell(
    idOf(({ events }) => events.includes("never")),
    [{ n: 1 }],
  );
  await listener.until(() => listener.of("event")[0]);
  listener.close();
});

test("different filters of a project are bounded, listeners with the same one are not", async () => {
  const many = await Promise.all(
    Array.from({ length: liveLimits.filtersMax }, (_, n) => listen(`event=many-${n}`)),
  );
  const response = await fetch(address("event=one-more"), {
    headers: { authorization: `Bearer ${testKeys.read}` },
  });
  expect(response.status).toBe(429);
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await response.json()).toMatchObject({ error: { code: "TOO_MANY_LISTENERS" } });
  const same = await Promise.all(Array.from({ length: 200 }, () => listen("event=many-3")));
  tell(
    idOf(({ events }) => events.includes("many-3")),
    [{ n: 1 }],
  );
  await Promise.all(same.map((listener) => listener.until(() => listener.of("event")[0])));
  for (const listener of [...many, ...same]) listener.close();
});

test("an edge that stops ends its listeners with a reason", async () => {
  const other = await startEdge(inject("servers").natsUrl);
  const base = `${other.url}/v1/live?key=${testKeys.read}`;
  const stream = await (await LiveListener.stream(base)).opened();
  const socket = await (await LiveListener.socket(base)).opened();
  await other.stop();
  await stream.until(() => stream.closed !== undefined);
  await socket.until(() => socket.closed !== undefined);
  expect(stream.of("end")).toMatchObject([{ code: "SHUTTING_DOWN" }]);
  expect(socket.of("end")).toMatchObject([{ code: "SHUTTING_DOWN" }]);
  expect(socket.closed).toBe(1001);
});
