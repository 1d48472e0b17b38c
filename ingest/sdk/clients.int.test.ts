// The real server-side clients of Segment and PostHog against the edge and a real log: what they send arrives as it
// is meant, retries carry the same ids, a refusal makes them wait and loses nothing.
import { Analytics } from "@segment/analytics-node";
import { PostHog } from "posthog-node";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { startRefusingProxy, type RefusingProxy } from "../testing/refusing-proxy.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

const eventsPerRequestMax = 40;
let edge: EdgeUnderTest;
let proxy: RefusingProxy;

beforeAll(async () => {
  const env = { MILLRACE_EVENTS_PER_REQUEST_MAX: String(eventsPerRequestMax) };
  edge = await startEdge(inject("servers").natsUrl, { env });
  proxy = await startRefusingProxy(edge.port);
});

afterAll(async () => {
  await proxy.stop();
  await edge.stop();
});

/** Events of the log that somebody of this name sent. */
async function sentBy(person: string): Promise<LogEvent[]> {
  const events = await readLog(edge.connection);
  return events.filter(({ user_id, anonymous_id }) => user_id === person || anonymous_id === person);
}

function properties(event: LogEvent | undefined): Record<string, unknown> {
  return JSON.parse(event?.properties ?? "null") as Record<string, unknown>;
}

interface SegmentClient {
  analytics: Analytics;
  errors: unknown[];
}

function createSegment(options: { key?: string; flushAt?: number } = {}): SegmentClient {
  const errors: unknown[] = [];
  const analytics = new Analytics({
    writeKey: options.key ?? testKeys.write,
    host: proxy.url,
    flushAt: options.flushAt ?? 15,
    flushInterval: 50,
  });
  analytics.on("error", (error) => errors.push(error));
  return { analytics, errors };
}

interface PostHogClient {
  posthog: PostHog;
  errors: unknown[];
}

function createPostHog(
  options: { key?: string; flushAt?: number; maxBatchSize?: number } = {},
): PostHogClient {
  const errors: unknown[] = [];
  const { key = testKeys.write, ...rest } = options;
  const posthog = new PostHog(key, {
    host: proxy.url,
    flushInterval: 50,
    fetchRetryDelay: 300,
    fetchRetryCount: 5,
    ...rest,
  });
  posthog.on("error", (error: unknown) => errors.push(error));
  return { posthog, errors };
}

test("Segment: every kind of message arrives as what it means", async () => {
  const { analytics, errors } = createSegment();
  const userId = "segment-u1";
  const anonymousId = "segment-a1";
  const timestamp = new Date("2024-01-02T03:04:05.000Z");
  analytics.identify({ userId, anonymousId, traits: { email: "a@b.c" } });
  analytics.track({
    userId,
    event: "Order Completed",
    properties: { revenue: 9.5 },
    timestamp,
    messageId: "m1",
  });
  analytics.page({ userId, name: "Home", category: "Shop", properties: { url: "http://x/" } });
  analytics.screen({ userId, name: "Start" });
  analytics.group({ userId, groupId: "g1", traits: { seats: 3 } });
  analytics.alias({ userId, previousId: "segment-old" });
  await analytics.closeAndFlush();

  const events = await sentBy(userId);
  expect(errors).toEqual([]);
  const named = new Map(events.map((event) => [event.event, event]));
  expect([...named.keys()].toSorted()).toEqual(
    ["Order Completed", "alias", "group", "identify", "page", "screen"].toSorted(),
  );
  expect(named.get("identify")).toMatchObject({ user_id: userId, anonymous_id: anonymousId });
  expect(properties(named.get("identify"))).toEqual({ $set: { email: "a@b.c" } });
  const order = named.get("Order Completed");
  expect(order).toMatchObject({ event_id: "m1", user_id: userId });
  // Corrected by the difference of the clocks, which are the same here but for the way.
  expect(Math.abs((order?.timestamp ?? 0) - timestamp.getTime())).toBeLessThan(5_000);
  expect(properties(order)).toEqual({ revenue: 9.5 });
  expect(JSON.parse(order?.context ?? "")).toMatchObject({ library: { name: "@segment/analytics-node" } });
  expect(properties(named.get("page"))).toEqual({ url: "http://x/", name: "Home", category: "Shop" });
  expect(properties(named.get("screen"))).toEqual({ name: "Start" });
  expect(properties(named.get("group"))).toEqual({ group_id: "g1", group_traits: { seats: 3 } });
  expect(properties(named.get("alias"))).toEqual({ previousId: "segment-old" });
});

test("Segment: answers that are lost make it send the same ids again", async () => {
  const { analytics, errors } = createSegment();
  proxy.refuse({ status: 503, delivers: true }, { status: 500, delivers: true });
  for (let index = 0; index < 5; index += 1) analytics.track({ userId: "segment-retry", event: `e${index}` });
  await analytics.closeAndFlush();
  const events = await sentBy("segment-retry");
  expect(errors).toEqual([]);
  expect(events).toHaveLength(15);
  expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(5);
});

test("Segment: beyond the project's limit it waits as long as it is told, and loses nothing", async () => {
  const { analytics, errors } = createSegment({ key: testKeys.limited, flushAt: 10 });
  const before = proxy.seen.length;
  for (let index = 0; index < 40; index += 1) analytics.track({ userId: "segment-limit", event: "e" });
  await analytics.closeAndFlush();
  expect(errors).toEqual([]);
  expect(proxy.seen.slice(before).filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  const events = await sentBy("segment-limit");
  expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(40);
});

test("Segment: a wrong key is told at once", async () => {
  const { analytics, errors } = createSegment({ key: "nobody" });
  analytics.track({ userId: "segment-wrong", event: "e" });
  await analytics.closeAndFlush();
  expect(errors).toMatchObject([{ reason: { message: expect.stringContaining("401") as string } }]);
  expect(await sentBy("segment-wrong")).toEqual([]);
});

test("PostHog: events, persons, aliases and groups arrive as what they mean", async () => {
  const { posthog, errors } = createPostHog();
  const timestamp = new Date("2024-01-02T03:04:05.000Z");
  posthog.capture({
    distinctId: "ph-u1",
    event: "signed up",
    uuid: "0192f1c0-0000-7000-8000-000000000001",
    timestamp,
    properties: { plan: "pro", $set: { name: "A" } },
    groups: { company: "acme" },
  });
  posthog.identify({ distinctId: "ph-u1", properties: { email: "a@b.c" } });
  posthog.alias({ distinctId: "ph-u1", alias: "ph-anon" });
  posthog.groupIdentify({ groupType: "company", groupKey: "acme", properties: { seats: 3 } });
  await posthog.shutdown();

  expect(errors).toEqual([]);
  const events = await sentBy("ph-u1");
  const named = new Map(events.map((event) => [event.event, event]));
  expect([...named.keys()].toSorted()).toEqual(["$create_alias", "$identify", "signed up"]);
  const signedUp = named.get("signed up");
  expect(signedUp).toMatchObject({
    event_id: "0192f1c0-0000-7000-8000-000000000001",
    anonymous_id: "ph-u1",
    user_id: "",
  });
  expect(Math.abs((signedUp?.timestamp ?? 0) - timestamp.getTime())).toBeLessThan(5_000);
  expect(properties(signedUp)).toMatchObject({
    plan: "pro",
    $set: { name: "A" },
    $groups: { company: "acme" },
    $lib: "posthog-node",
  });
  expect(named.get("$identify")).toMatchObject({ user_id: "ph-u1", anonymous_id: "ph-u1" });
  expect(properties(named.get("$identify"))).toMatchObject({ $set: { email: "a@b.c" } });
  expect(properties(named.get("$create_alias"))).toMatchObject({ alias: "ph-anon" });
  const [group] = await sentBy("$company_acme");
  expect(properties(group)).toMatchObject({ $group_type: "company", $group_set: { seats: 3 } });
});

test("PostHog: answers that are lost make it send the same ids again", async () => {
  const { posthog, errors } = createPostHog();
  proxy.refuse({ status: 503, delivers: true }, { status: 429, delivers: true });
  for (let index = 0; index < 5; index += 1) posthog.capture({ distinctId: "ph-retry", event: `e${index}` });
  await posthog.shutdown();
  expect(errors).toEqual([]);
  const events = await sentBy("ph-retry");
  expect(events).toHaveLength(15);
  expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(5);
});

test("PostHog: beyond the project's limit it waits and loses nothing", async () => {
  const { posthog, errors } = createPostHog({ key: testKeys.limited, flushAt: 10, maxBatchSize: 10 });
  const before = proxy.seen.length;
  for (let index = 0; index < 30; index += 1) posthog.capture({ distinctId: "ph-limit", event: "e" });
  await posthog.shutdown(20_000);
  expect(errors).toEqual([]);
  expect(proxy.seen.slice(before).filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  const events = await sentBy("ph-limit");
  expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(30);
});

test("PostHog: a batch that is too large is halved until it fits", async () => {
  const count = eventsPerRequestMax * 2 + 20;
  const { posthog, errors } = createPostHog({ flushAt: count, maxBatchSize: count });
  const before = proxy.seen.length;
  for (let index = 0; index < count; index += 1) posthog.capture({ distinctId: "ph-large", event: "e" });
  await posthog.shutdown();
  const statuses = proxy.seen.slice(before).map(({ status }) => status);
  expect(errors).toEqual([]);
  expect(statuses.filter((status) => status === 413).length).toBe(2);
  const events = await sentBy("ph-large");
  expect(events).toHaveLength(count);
});

test("PostHog: the newer format gets a verdict for each event", async () => {
  process.env["POSTHOG_CAPTURE_MODE"] = "v1";
  const { posthog, errors } = createPostHog();
  delete process.env["POSTHOG_CAPTURE_MODE"];
  const before = proxy.seen.length;
  posthog.capture({ distinctId: "ph-v1", event: "good", properties: { a: 1, $session_id: "s1" } });
  posthog.capture({ distinctId: "undefined", event: "bad" });
  await posthog.shutdown();
  expect(proxy.seen.slice(before).map(({ path }) => path)).toEqual(["/i/v1/analytics/events"]);
  const [good] = await sentBy("ph-v1");
  expect(good).toMatchObject({ event: "good", session_id: "s1" });
  expect(properties(good)).toMatchObject({ a: 1, $lib: "posthog-node" });
  expect(await sentBy("undefined")).toEqual([]);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({
    drops: [{ details: expect.stringContaining("USER_ID_INVALID") as string }],
  });
});

test("PostHog: there are no flags, and asking for one is no error", async () => {
  const { posthog, errors } = createPostHog();
  expect(await posthog.getFeatureFlag("beta", "ph-flags")).toBeUndefined();
  expect(await posthog.getAllFlags("ph-flags")).toEqual({});
  await posthog.shutdown();
  expect(errors).toEqual([]);
  const [asked] = await sentBy("ph-flags");
  expect(asked?.event).toBe("$feature_flag_called");
});
