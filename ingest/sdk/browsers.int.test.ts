// The real browser clients of Segment and PostHog in Chromium, on a page of another origin: their events arrive, the
// visitor and the user are told apart, a refusal makes them send again, and what a page sends as it is left arrives.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { chromiumPath, startPages, userAgent, type PageServer } from "../testing/browser-page.ts";
import { startRefusingProxy, type RefusingProxy } from "../testing/refusing-proxy.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

if (chromiumPath === undefined)
  console.warn("no Chromium on this machine: the browser clients are not tried");

/** Retries of the clients wait seconds. */
const arriveMsMax = 20_000;

let edge: EdgeUnderTest;
let proxy: RefusingProxy;
let pages: PageServer;

function posthogPage(host: string): string {
  return `<!doctype html><title>PostHog</title><button>b</button><script type="module">
    import posthog from "/npm/posthog-js/dist/module.full.no-external.js";
    posthog.init(${JSON.stringify(testKeys.write)}, {
      api_host: ${JSON.stringify(host)},
      // The only line that is not a user's: driven browsers count as robots.
      opt_out_useragent_filter: true,
    });
    window.client = posthog;
  </script>`;
}

function segmentPage(host: string): string {
  return `<!doctype html><title>Segment</title>
  <script src="/npm/@segment/analytics-next/dist/umd/index.js"></script><script>
    window.client = AnalyticsNext.AnalyticsBrowser.load({
      writeKey: ${JSON.stringify(testKeys.write)},
      cdnURL: ${JSON.stringify(host)},
    });
    window.client.page("Home");
  </script>`;
}

async function openPage(path: string): Promise<{ page: Page; problems: string[] }> {
  const page = await pages.browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  // Nobody else is asked for anything.
  const known = [pages.url, proxy.url];
  page.on("request", (request) => {
    if (!known.some((url) => request.url().startsWith(url))) problems.push(`asked ${request.url()}`);
  });
  page.on("console", (message) => {
    // What is refused on purpose is on the console too.
    if (message.type() === "error" && !message.text().includes("503")) problems.push(message.text());
  });
  await page.goto(pages.url + path);
  await page.waitForFunction("window.client !== undefined");
  return { page, problems };
}

async function sentByBrowser(): Promise<LogEvent[]> {
  return (await readLog(edge.connection)).filter((event) => event.user_agent === userAgent);
}

async function arrived(name: string, where: (event: LogEvent) => boolean = () => true): Promise<LogEvent> {
  let found: LogEvent | undefined;
  await expect
    .poll(
      async () => {
        found = (await sentByBrowser()).find((event) => event.event === name && where(event));
        return found !== undefined;
      },
      { timeout: arriveMsMax, message: `${name} has not arrived` },
    )
    .toBe(true);
  return found as LogEvent;
}

/** The answer was lost, so the same event comes a second time, under the same id. */
async function arrivedAgain(name: string): Promise<void> {
  let ids: string[] = [];
  await expect
    .poll(
      async () => {
        const events = await sentByBrowser();
        ids = events.filter(({ event }) => event === name).map(({ event_id }) => event_id);
        return ids.length;
      },
      { timeout: arriveMsMax, message: `${name} has not arrived again` },
    )
    .toBe(2);
  expect(new Set(ids).size).toBe(1);
}

describe.skipIf(chromiumPath === undefined)("in Chromium", () => {
  beforeAll(async () => {
    edge = await startEdge(inject("servers").natsUrl);
    proxy = await startRefusingProxy(edge.port);
    pages = await startPages({ "/posthog": posthogPage(proxy.url), "/segment": segmentPage(proxy.url) });
  });

  afterAll(async () => {
    await pages.stop();
    await proxy.stop();
    await edge.stop();
  });

  test(
    "posthog-js: visitor and user, retries, and what is sent while the page is left",
    { timeout: 120_000 },
    async () => {
      const { page, problems } = await openPage("/posthog");
      const visit = await arrived("$pageview");
      const visitor = visit.anonymous_id;
      expect(visit).toMatchObject({
        user_id: "",
        session_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      });
      expect(visitor).toMatch(/^[0-9a-f-]{36}$/);
      expect(JSON.parse(visit.properties)).toMatchObject({ $current_url: `${pages.url}/posthog` });
      expect(visit.user_agent).toBe(userAgent);

      proxy.refuse({ status: 503, delivers: true });
      await page.evaluate(`client.capture("product viewed", { price: 9.5, title: "größe" })`);
      const viewed = await arrived("product viewed");
      expect(viewed).toMatchObject({ anonymous_id: visitor, user_id: "" });
      expect(JSON.parse(viewed.properties)).toMatchObject({ price: 9.5, title: "größe" });
      await arrivedAgain("product viewed");

      await page.evaluate(`client.identify("browser-u1", { plan: "pro" }); client.capture("order placed")`);
      const identified = await arrived("$identify");
      expect(identified).toMatchObject({ user_id: "browser-u1" });
      expect(JSON.parse(identified.properties)).toMatchObject({
        $anon_distinct_id: visitor,
        $set: { plan: "pro" },
      });
      expect(await arrived("order placed")).toMatchObject({ user_id: "browser-u1" });

      await page.click("button");
      await arrived("$autocapture", ({ user_id }) => user_id === "browser-u1");

      await page.evaluate(`client.capture("cart left", {}, { transport: "sendBeacon" })`);
      await page.goto("about:blank");
      await arrived("cart left");
      await arrived("$pageleave");

      expect(problems).toEqual([]);
    },
  );

  test(
    "analytics-next: visitor and user, and a refusal that it waits for",
    { timeout: 120_000 },
    async () => {
      const { page, problems } = await openPage("/segment");
      const visit = await arrived("page");
      const visitor = visit.anonymous_id;
      expect(visit).toMatchObject({ user_id: "" });
      expect(JSON.parse(visit.properties)).toMatchObject({ name: "Home", path: "/segment" });
      expect(JSON.parse(visit.context)).toMatchObject({ page: { url: `${pages.url}/segment` } });

      proxy.refuse({ status: 503, delivers: true });
      await page.evaluate(`client.track("Product Viewed", { price: 9.5 })`);
      await arrived("Product Viewed", ({ anonymous_id }) => anonymous_id === visitor);
      await arrivedAgain("Product Viewed");

      await page.evaluate(
        `client.identify("browser-u2", { plan: "pro" }).then(() => client.track("Order Placed"))`,
      );
      const identified = await arrived("identify", ({ user_id }) => user_id === "browser-u2");
      expect(identified.anonymous_id).toBe(visitor);
      expect(JSON.parse(identified.properties)).toEqual({ $set: { plan: "pro" } });
      expect(await arrived("Order Placed")).toMatchObject({ user_id: "browser-u2", anonymous_id: visitor });
      await page.evaluate(`client.group("g1", { seats: 3 })`);
      const group = await arrived("group", ({ user_id }) => user_id === "browser-u2");
      expect(JSON.parse(group.properties)).toEqual({ group_id: "g1", group_traits: { seats: 3 } });
      expect(problems).toEqual([]);
    },
  );
});
