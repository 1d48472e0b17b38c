// The client against a platform that is played here: what it sends, when, and what it does with refusals.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClient, type Client } from "./client.ts";
import type { ClientOptions } from "./client-options.ts";

interface Sent {
  readonly atMs: number;
  readonly body: { sent_at: string; batch: Record<string, unknown>[] };
  readonly headers: Record<string, string>;
}

type Reply = { status: number; body?: object; retryAfter?: string } | "no network" | "silence";

let sent: Sent[];
let replies: Reply[];
let lost: { id: unknown; code: string }[];
let waits: number[];

const taken: Reply = { status: 202, body: { accepted: 1, rejected: [] } };

const play: typeof fetch = async (_url, init) => {
  const { body, headers, signal } = init as RequestInit & { body: string };
  sent.push({
    atMs: Date.now(),
    body: JSON.parse(body) as Sent["body"],
    headers: headers as Record<string, string>,
  });
  const reply = replies.shift() ?? taken;
  if (reply === "no network") throw new TypeError("fetch failed");
  if (reply === "silence") {
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error));
    });
  }
  return new Response(JSON.stringify(reply.body ?? { error: { code: "X", message: "x" } }), {
    status: reply.status,
    headers: reply.retryAfter === undefined ? {} : { "retry-after": reply.retryAfter },
  });
};

function create(options: Partial<ClientOptions> = {}): Client {
  return createClient({
    url: "https://events.example/",
    key: "k",
    fetch: play,
    onLost: ({ event_id: id }, code) => lost.push({ id, code }),
    onRetry: (_, waitMs) => waits.push(waitMs),
    ...options,
  });
}

const idsOf = ({ body }: Sent): unknown[] => body.batch.map(({ event_id: id }) => id);

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 22) });
  [sent, replies, lost, waits] = [[], [], [], []];
});
afterEach(() => {
  vi.useRealTimers();
});

function track(client: Client, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    client.track("e", { n: from + n }, { userId: "u", eventId: `id-${from + n}` }),
  );
}

test("every kind of call becomes the event that the platform knows it by", async () => {
  const client = create({ context: { app: "a" } });
  client.track(
    "bought",
    { price: 1 },
    { userId: "u1", timestamp: new Date(0), sessionId: "s", context: { b: 1 } },
  );
  client.identify("u1", { plan: "pro" }, { anonymousId: "a1" });
  client.alias("u1", "old");
  client.page("Home", { path: "/" }, { anonymousId: "a1" });
  client.group("g1", { name: "G" }, { userId: "u1" });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.headers).toEqual({ authorization: "Bearer k", "content-type": "application/json" });
  expect(sent[0]?.body.sent_at).toBe(new Date().toISOString());
  const [bought, identify, alias, page, group] = sent.flatMap(({ body }) => body.batch);
  expect(bought).toMatchObject({
    event: "bought",
    user_id: "u1",
    session_id: "s",
    timestamp: "1970-01-01T00:00:00.000Z",
    properties: { price: 1 },
    context: { app: "a", b: 1 },
  });
  expect(identify).toMatchObject({
    event: "identify",
    user_id: "u1",
    anonymous_id: "a1",
    properties: { $set: { plan: "pro" } },
  });
  expect(alias).toMatchObject({ event: "alias", user_id: "u1", properties: { previousId: "old" } });
  expect(page).toMatchObject({ event: "page", anonymous_id: "a1", properties: { path: "/", name: "Home" } });
  expect(group).toMatchObject({
    event: "group",
    properties: { group_id: "g1", group_traits: { name: "G" } },
  });
  expect(() => client.track("e")).toThrow("userId");
});

test("a single user gets an anonymous id, keeps it, and is joined by identify", async () => {
  const client = create({ singleUser: true });
  client.track("a");
  client.identify("u1");
  client.track("b");
  client.reset();
  client.track("c");
  await vi.advanceTimersByTimeAsync(1_000);
  const batch = sent[0]?.body.batch as { user_id?: string; anonymous_id: string }[];
  const visitor = batch[0]?.anonymous_id;
  expect(visitor).toMatch(/^[0-9a-f-]{36}$/);
  expect(batch.slice(0, 3).map(({ user_id: user }) => user)).toEqual([undefined, "u1", "u1"]);
  expect(batch.slice(0, 3).every(({ anonymous_id: id }) => id === visitor)).toBe(true);
  expect(batch[3]?.anonymous_id).not.toBe(visitor);
  expect(batch[3]?.user_id).toBeUndefined();
});

test("events wait for others, up to the time and the size of a request, and go out in order", async () => {
  const client = create({ batchEvents: 10, flushEveryMs: 500 });
  track(client, 0, 3);
  await vi.advanceTimersByTimeAsync(499);
  expect(sent).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent.map(idsOf)).toEqual([["id-0", "id-1", "id-2"]]);
  const ids = track(client, 3, 25);
  await vi.advanceTimersByTimeAsync(5);
  expect(sent.slice(1, 3).map((each) => each.body.batch.length)).toEqual([10, 10]);
  await vi.advanceTimersByTimeAsync(500);
  expect(sent.slice(1).flatMap(idsOf)).toEqual(ids);
  expect(client.counts).toMatchObject({ pending: 0, accepted: 28 });
});

test("requests hold no more bytes than allowed", async () => {
  const client = create({ batchBytes: 3_000 });
  for (let n = 0; n < 10; n += 1) client.track("e", { filling: "é".repeat(400) }, { userId: "u" });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(sent.flatMap((each) => each.body.batch)).toHaveLength(10);
  const sizes = sent.map(({ body }) =>
    Buffer.byteLength(body.batch.map((each) => JSON.stringify(each)).join("")),
  );
  expect(Math.max(...sizes)).toBeLessThanOrEqual(3_000);
  expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(1_500);
});

test("what fails is sent again with the same ids, later and later, and no sooner than asked for", async () => {
  replies = [
    "no network",
    { status: 500 },
    { status: 429, retryAfter: "7" },
    { status: 503, retryAfter: new Date(Date.now() + 60_000).toUTCString() },
    { status: 401 },
    { status: 200, body: { hello: "from a proxy" } },
    taken,
  ];
  const client = create({ flushEveryMs: 0 });
  const ids = track(client, 0, 3);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(sent).toHaveLength(7);
  for (const each of sent) expect(idsOf(each)).toEqual(ids);
  expect((sent[3]?.atMs as number) - (sent[2]?.atMs as number)).toBeGreaterThanOrEqual(7_000);
  expect((sent[4]?.atMs as number) - Date.UTC(2026, 10, 22)).toBeGreaterThanOrEqual(60_000);
  expect(waits[0]).toBeGreaterThanOrEqual(125);
  expect(waits[0]).toBeLessThanOrEqual(250);
  expect(client.counts).toEqual({ pending: 0, accepted: 3, rejected: 0, dropped: 0, retries: 6 });
});

test("a flush waits no shorter than the platform has asked for, and no longer than it may", async () => {
  replies = [{ status: 503, retryAfter: "30" }];
  const client = create({ flushEveryMs: 0 });
  track(client, 0, 1);
  await vi.advanceTimersByTimeAsync(0);
  const early = client.flush({ msMax: 5_000 });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await early).toEqual({ pending: 1 });
  expect(sent).toHaveLength(1);
  const late = client.flush({ msMax: 60_000 });
  await vi.advanceTimersByTimeAsync(25_000);
  expect(await late).toEqual({ pending: 0 });
});

test("an answer that does not come is not waited for, and events that come meanwhile are not lost", async () => {
  // The bound of a request is the platform's own timer, which cannot be played.
  vi.useRealTimers();
  replies = ["silence"];
  const client = create({ requestMsMax: 50, flushEveryMs: 0 });
  track(client, 0, 1);
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
  track(client, 1, 1);
  await client.flush();
  expect(sent.map(idsOf)).toEqual([["id-0"], ["id-0", "id-1"]]);
  await client.close();
});

test("a request that is too large is halved until it fits; an event that never fits is refused alone", async () => {
  const refuses = (body: Sent["body"]): boolean =>
    body.batch.length > 3 || body.batch.some(({ event_id: id }) => id === "id-5");
  const client = create({
    batchEvents: 16,
    fetch: async (url, init) => {
      const body = JSON.parse((init as { body: string }).body) as Sent["body"];
      replies.unshift(refuses(body) ? { status: 413 } : taken);
      return play(url, init);
    },
  });
  const ids = track(client, 0, 16);
  await vi.advanceTimersByTimeAsync(60_000);
  const accepted = sent.filter(({ body }) => !refuses(body)).flatMap(idsOf);
  expect(accepted).toEqual(ids.filter((id) => id !== "id-5"));
  expect(lost).toEqual([{ id: "id-5", code: "BODY_TOO_LARGE" }]);
  expect(client.counts).toMatchObject({ accepted: 15, rejected: 1, retries: 0 });
});

test("events that are refused are told with their code and hold nothing up", async () => {
  const rejected = [{ index: 1, code: "EVENT_NAME_INVALID", message: "m" }];
  replies = [
    { status: 202, body: { accepted: 2, rejected } },
    {
      status: 400,
      body: { accepted: 0, rejected: [{ index: 0, code: "USER_ID_INVALID", message: "m" }], error: {} },
    },
    taken,
  ];
  const client = create({ batchEvents: 3 });
  track(client, 0, 3);
  await vi.advanceTimersByTimeAsync(0);
  track(client, 3, 1);
  await vi.advanceTimersByTimeAsync(1_000);
  track(client, 4, 1);
  client.track("e", { filling: "x".repeat(40_000) }, { userId: "u", eventId: "large" });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(lost).toEqual([
    { id: "id-1", code: "EVENT_NAME_INVALID" },
    { id: "id-3", code: "USER_ID_INVALID" },
    { id: "large", code: "EVENT_TOO_LARGE" },
  ]);
  expect(client.counts).toMatchObject({ pending: 0, accepted: 3, rejected: 3 });
});

test("a full queue drops its oldest, but none that is under way, and counts them", async () => {
  replies = ["silence"];
  const client = create({ queueEventsMax: 10, batchEvents: 4, flushEveryMs: 0 });
  track(client, 0, 4);
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toHaveLength(1);
  track(client, 4, 16);
  expect(client.counts).toMatchObject({ pending: 10, dropped: 10 });
  expect(lost.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, n) => `id-${n + 4}`));
  expect(new Set(lost.map(({ code }) => code))).toEqual(new Set(["QUEUE_FULL"]));
});

test("a client that is closed has sent what it had, and says what it could not", async () => {
  const client = create();
  track(client, 0, 2);
  const closing = client.close();
  await vi.advanceTimersByTimeAsync(0);
  expect(await closing).toEqual({ pending: 0 });
  client.track("e", {}, { userId: "u", eventId: "late" });
  expect(lost).toEqual([{ id: "late", code: "CLIENT_CLOSED" }]);
  replies = ["no network", "no network", "no network", "no network", "no network", "no network"];
  const other = create();
  track(other, 2, 2);
  const failing = other.close({ msMax: 1_000 });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await failing).toEqual({ pending: 2 });
  expect(other.counts.dropped).toBe(2);
  const requests = sent.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toHaveLength(requests);
});
