// Our client in Chromium, as it is installed, on a page of another origin: visitor and user, retries under the same
// ids, what a page sends as it is left, and what it could not send taken over by the next page.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { chromiumPath, startPages, userAgent, type PageServer } from "../testing/browser-page.ts";
import { startRefusingProxy, type RefusingProxy } from "../testing/refusing-proxy.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

if (chromiumPath === undefined) console.warn("no Chromium on this machine: the client is not tried in it");

const generated = join(import.meta.dirname, "generated");
const arriveMsMax = 20_000;

let edge: EdgeUnderTest;
let proxy: RefusingProxy;
let pages: PageServer;

const html = (options: string): string => `<!doctype html><title>Shop</title><script type="module">
  import { createClient } from "/client/client.js";
  window.lost = [];
  window.client = createClient({
    url: ${JSON.stringify(proxy.url)},
    key: ${JSON.stringify(testKeys.write)},
    onLost: (event, code) => window.lost.push([event.event_id, code]),
    ${options}
  });
</script>`;

async function openPage(path: string): Promise<Page> {
  // Pages of one context share localStorage.
  const page = await context.newPage();
  await page.goto(pages.url + path);
  await page.waitForFunction("window.client !== undefined");
  return page;
}

let context: Awaited<ReturnType<PageServer["browser"]["newContext"]>>;

async function sentByBrowser(): Promise<LogEvent[]> {
  return (await readLog(edge.connection)).filter((event) => event.user_agent === userAgent);
}

async function arrived(ids: readonly string[]): Promise<LogEvent[]> {
  let found: LogEvent[] = [];
  await expect
    .poll(
      async () => {
        const events = await sentByBrowser();
        found = ids.flatMap((id) => events.find(({ event_id: each }) => each === id) ?? []);
        return found.length;
      },
      { timeout: arriveMsMax, message: `not all of ${ids.join()} have arrived` },
    )
    .toBe(ids.length);
  return found;
}

/** Runs in the page; answers the ids of the events. */
async function track(page: Page, ...calls: string[]): Promise<string[]> {
  return await page.evaluate<string[]>(`[${calls.map((call) => `client.${call}`).join()}]`);
}

describe.skipIf(chromiumPath === undefined)("in Chromium", () => {
  beforeAll(async () => {
    edge = await startEdge(inject("servers").natsUrl);
    proxy = await startRefusingProxy(edge.port);
    const modules = readdirSync(generated).filter((name) => name.endsWith(".js"));
    pages = await startPages({
      ...Object.fromEntries(
        modules.map((name) => [`/client/${name}`, readFileSync(join(generated, name), "utf8")]),
      ),
      "/shop": html("flushEveryMs: 50, retryMsMax: 500"),
      // What no network does, also to what is sent as the page is left.
      "/offline": html('fetch: () => Promise.reject(new TypeError("no network"))'),
      "/slow": html("flushEveryMs: 60_000"),
      "/other": "<!doctype html><title>Other</title>",
    });
    context = await pages.browser.newContext();
  });

  afterAll(async () => {
    await pages.stop();
    await proxy.stop();
    await edge.stop();
  });

  test("a visitor becomes a user, on every page the same, with the page that it happened on", async () => {
    const page = await openPage("/shop");
    const ids = await track(
      page,
      'page("Home")',
      'identify("ann", { plan: "pro" })',
      'track("bought", { n: 1 })',
    );
    const [home, identify, bought] = (await arrived(ids)) as [LogEvent, LogEvent, LogEvent];
    expect(home).toMatchObject({ event: "page", user_id: "" });
    expect(home.anonymous_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(identify).toMatchObject({ event: "identify", user_id: "ann", anonymous_id: home.anonymous_id });
    expect(bought).toMatchObject({ event: "bought", user_id: "ann", anonymous_id: home.anonymous_id });
    expect(JSON.parse(bought.context)).toMatchObject({ page: { url: `${pages.url}/shop`, title: "Shop" } });
    await page.close();
    const again = await openPage("/shop");
    const [back] = (await arrived(await track(again, 'track("back")'))) as [LogEvent];
    expect(back).toMatchObject({ user_id: "ann", anonymous_id: home.anonymous_id });
    await track(again, 'reset() ?? ""', 'track("stranger")');
    await again.close();
  });

  test("lost answers and refusals: everything arrives, under the same ids", async () => {
    const page = await openPage("/shop");
    proxy.refuse(
      { status: 503, delivers: true },
      { status: 429, retryAfterSeconds: 1 },
      { status: 500 },
      { status: 503, delivers: true },
    );
    const ids: string[] = [];
    for (let part = 0; part < 5; part += 1) {
      ids.push(...(await track(page, ...Array.from({ length: 10 }, (_, n) => `track("part", { n: ${n} })`))));
      await page.waitForTimeout(100);
    }
    await arrived(ids);
    const events = (await sentByBrowser()).filter(({ event }) => event === "part");
    expect(new Set(events.map(({ event_id: id }) => id))).toEqual(new Set(ids));
    const refused = proxy.seen.findIndex(({ status }) => status === 429);
    const [at, next] = [proxy.seen[refused], proxy.seen.slice(refused + 1).find(({ status }) => status > 0)];
    expect((next?.atMs as number) - (at?.atMs as number)).toBeGreaterThanOrEqual(1_000);
    await expect.poll(() => page.evaluate("client.counts.pending")).toBe(0);
    expect(await page.evaluate("client.counts")).toMatchObject({ accepted: 50, rejected: 0, dropped: 0 });
    await page.close();
  });

  test("what waits goes out as the page is left, or is closed", async () => {
    const left = await openPage("/slow");
    const first = await track(left, 'track("left")');
    await left.goto(`${pages.url}/other`);
    expect(await arrived(first)).toHaveLength(1);
    const closed = await openPage("/slow");
    const second = await track(closed, 'track("closed")');
    await closed.close({ runBeforeUnload: true });
    expect(await arrived(second)).toHaveLength(1);
    await left.close();
  });

  test("what could not be sent is sent by the next page, and the oldest are dropped when it is too much", async () => {
    const page = await openPage("/offline");
    const ids = await track(page, 'track("offline", { n: 1 })', 'track("offline", { n: 2 })');
    await page.waitForTimeout(600);
    await page.close({ runBeforeUnload: true });
    const events = await sentByBrowser();
    expect(events.filter(({ event }) => event === "offline")).toEqual([]);
    const next = await openPage("/shop");
    // The page before is known to be gone only after a while: the test does not wait for it.
    await next.evaluate(`Object.keys(localStorage).filter((name) => name.includes(":alive:"))
      .forEach((name) => localStorage.setItem(name, "0"))`);
    await next.reload();
    await next.waitForFunction("window.client !== undefined");
    await arrived(ids);
    const many = await next.evaluate<{ lost: [string, string][]; ids: string[] }>(`(() => {
      const ids = Array.from({ length: 1200 }, (_, n) => client.track("many", { n }));
      return { ids, lost: window.lost };
    })()`);
    expect(many.lost.length).toBeGreaterThanOrEqual(200);
    expect(many.lost.every(([id, code]) => code === "QUEUE_FULL" && many.ids.includes(id))).toBe(true);
    const dropped = new Set(many.lost.map(([id]) => id));
    await arrived(many.ids.filter((id) => !dropped.has(id)));
    await next.close();
  });
});
