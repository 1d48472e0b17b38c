// Servers that send with Segment's and PostHog's own clients, with nothing changed but the host, to a whole
// installation whose answers are lost or refused at times: everything counts once, and visitors become the users they
// turn out to be, in queries over what was stored before.
import { Analytics } from "@segment/analytics-node";
import { PostHog } from "posthog-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startRefusingProxy, type RefusingProxy } from "#ingest/testing/refusing-proxy.ts";
import { query } from "./ask.ts";
import { Installation } from "./installation.ts";

const people = 40;
const visibleMsMax = 30_000;

let installation: Installation;
let proxy: RefusingProxy;

beforeAll(async () => {
  installation = await Installation.create();
  installation.start();
  await installation.ready();
  proxy = await startRefusingProxy(installation.port);
});

afterAll(async () => {
  await proxy.stop();
  await installation.destroy();
});

const dayMs = 24 * 3600 * 1000;
const range = {
  from: new Date(Date.now() - dayMs).toISOString(),
  to: new Date(Date.now() + dayMs).toISOString(),
};

/** A clock is corrected by the moment of sending, so a request that is sent again is late by its retries. */
const viewedAt = new Date(Date.now() - 20 * 60_000);
const boughtAt = new Date(Date.now() - 10 * 60_000);

interface Trends {
  series: { label: string; total: number }[];
}

interface Funnel {
  steps: { count: number }[];
}

/** Totals and people of each event, as `name`: [events, people]. */
async function counted(names: readonly string[], filters: object[] = []): Promise<Record<string, number[]>> {
  const { series } = await query<Trends>(installation, "trends", {
    ...range,
    interval: "day",
    filters,
    series: names.flatMap((event) => [
      { event, math: "total", label: event },
      { event, math: "unique_users", label: event },
    ]),
  });
  return Object.fromEntries(
    names.map((name) => [name, series.filter(({ label }) => label === name).map(({ total }) => total)]),
  );
}

async function funnel(first: string, second: string): Promise<number[]> {
  const { steps } = await query<Funnel>(installation, "funnel", {
    ...range,
    steps: [{ event: first }, { event: second }],
    window_seconds: 3600,
  });
  return steps.map(({ count }) => count);
}

/** Some answers are lost after the events arrived, some requests never arrive, some have to wait. */
function trouble(): void {
  proxy.refuse(
    { status: 503, delivers: true },
    { status: 503 },
    { status: 429, retryAfterSeconds: 1 },
    { status: 500, delivers: true },
  );
}

it("Segment's client: once each, and visitors are the users they became", { timeout: 120_000 }, async () => {
  const errors: unknown[] = [];
  const analytics = new Analytics({
    writeKey: installation.keys.write,
    host: proxy.url,
    flushAt: 15,
    flushInterval: 100,
  });
  analytics.on("error", (error) => errors.push(error));
  trouble();
  for (let person = 0; person < people; person += 1) {
    const anonymousId = `seg-visitor-${person}`;
    const userId = `seg-user-${person}`;
    analytics.track({ anonymousId, event: "segment viewed", timestamp: viewedAt });
    if (person % 2 === 0) analytics.identify({ userId, anonymousId, traits: { segment_plan: "pro" } });
    else analytics.alias({ userId, previousId: anonymousId });
    analytics.track({ userId, event: "segment bought", timestamp: boughtAt });
  }
  await analytics.closeAndFlush();
  expect(errors).toEqual([]);
  expect(proxy.seen.filter(({ status }) => status === 200).length).toBeGreaterThan(5);

  await expect
    .poll(() => counted(["segment viewed", "segment bought"]), { timeout: visibleMsMax })
    .toEqual({ "segment viewed": [people, people], "segment bought": [people, people] });
  await expect
    .poll(() => funnel("segment viewed", "segment bought"), { timeout: visibleMsMax })
    .toEqual([people, people]);
  const pro = [{ property: "segment_plan", operator: "eq", value: "pro", on: "user" }];
  expect(await counted(["segment viewed"], pro)).toEqual({ "segment viewed": [people / 2, people / 2] });
});

it("PostHog's client: once each, and visitors are the users they became", { timeout: 120_000 }, async () => {
  const errors: unknown[] = [];
  const posthog = new PostHog(installation.keys.write, {
    host: proxy.url,
    flushAt: 20,
    flushInterval: 100,
    fetchRetryCount: 10,
    fetchRetryDelay: 300,
  });
  posthog.on("error", (error: unknown) => errors.push(error));
  trouble();
  for (let person = 0; person < people; person += 1) {
    const visitor = `ph-visitor-${person}`;
    const distinctId = `ph-user-${person}`;
    posthog.capture({ distinctId: visitor, event: "posthog viewed", timestamp: viewedAt });
    switch (person % 4) {
      case 0:
        // As the browser client does it.
        posthog.capture({
          distinctId,
          event: "$identify",
          properties: { $anon_distinct_id: visitor, $set: { posthog_plan: "pro" } },
        });
        break;
      case 1:
        posthog.identify({ distinctId, properties: { posthog_plan: "pro" } });
        posthog.alias({ distinctId, alias: visitor });
        break;
      case 2:
        posthog.alias({ distinctId, alias: visitor });
        break;
      default:
        // The user was there before it is known who the visitor was.
        posthog.capture({ distinctId, event: "posthog returned" });
        posthog.alias({ distinctId, alias: visitor });
    }
    posthog.capture({ distinctId, event: "posthog bought", timestamp: boughtAt });
  }
  await posthog.shutdown();
  expect(errors).toEqual([]);

  await expect
    .poll(() => counted(["posthog viewed", "posthog bought"]), { timeout: visibleMsMax })
    .toEqual({ "posthog viewed": [people, people], "posthog bought": [people, people] });
  await expect
    .poll(() => funnel("posthog viewed", "posthog bought"), { timeout: visibleMsMax })
    .toEqual([people, people]);
  const pro = [{ property: "posthog_plan", operator: "eq", value: "pro", on: "user" }];
  expect(await counted(["posthog viewed"], pro)).toEqual({ "posthog viewed": [people / 2, people / 2] });
});

it(
  "a user whom both clients name is one person once PostHog has identified it",
  { timeout: 60_000 },
  async () => {
    const analytics = new Analytics({ writeKey: installation.keys.write, host: proxy.url, flushAt: 1 });
    const posthog = new PostHog(installation.keys.write, { host: proxy.url, flushAt: 1 });
    analytics.track({ userId: "both-1", event: "seen by both" });
    posthog.capture({ distinctId: "both-1", event: "seen by both" });
    posthog.identify({ distinctId: "both-1", properties: { seen: true } });
    await analytics.closeAndFlush();
    await posthog.shutdown();
    await expect
      .poll(() => counted(["seen by both"]), { timeout: visibleMsMax })
      .toEqual({ "seen by both": [2, 1] });
  },
);
