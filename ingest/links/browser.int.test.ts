// Short links in a real browser: redirects, the form of a protected link, and what its content policy lets through.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { connectNats } from "#streams/connect.ts";
import { chromiumPath, startPages, userAgent, type PageServer } from "../testing/browser-page.ts";
import { LinksService } from "../testing/links-service.ts";
import { readLog, startEdge, type EdgeUnderTest } from "../testing/start-edge.ts";

if (chromiumPath === undefined) console.warn("no Chromium on this machine: pages of links are not tried");

describe.skipIf(chromiumPath === undefined)("in Chromium", () => {
  let dataDir: string;
  let servers: Servers;
  let connection: NatsConnection;
  let links: LinksService;
  let edge: EdgeUnderTest;
  let pages: PageServer;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "millrace-pages-"));
    servers = await startServers({ dataDir, parts: ["nats"] });
    const log = createLogger({ level: "error", name: "test" });
    connection = await connectNats({ url: servers.natsUrl, name: "pages-test", log });
    links = new LinksService(connection, undefined);
    edge = await startEdge(servers.natsUrl);
    pages = await startPages({ "/target": "<!doctype html><title>Target</title><p>You are here.</p>" });
  });

  afterAll(async () => {
    await pages.stop();
    await edge.stop();
    await links.stop();
    await connection.close();
    await servers.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it("a link leads to its target, and the click is a person's", async () => {
    await links.put({ code: "tochrome", url: `${pages.url}/target?x=ä` });
    const page = await pages.browser.newPage();
    await page.goto(`${edge.url}/tochrome`);
    expect(await page.title()).toBe("Target");
    expect(page.url()).toBe(`${pages.url}/target?x=%C3%A4`);
    await expect
      .poll(
        async () => (await readLog(connection)).filter(({ user_agent: agent }) => agent === userAgent).length,
      )
      .toBe(1);
    await page.close();
  });

  it("a protected link asks for its password, refuses a wrong one, and leads on with the right one", async () => {
    await links.put({ code: "guarded1", url: `${pages.url}/target` }, "open sesame");
    const page = await pages.browser.newPage();
    const problems: string[] = [];
    page.on("console", (message) => {
      // That the answer was 401 stands there too.
      if (message.type() === "error" && !message.text().includes("401")) problems.push(message.text());
    });
    await page.goto(`${edge.url}/guarded1`);
    expect(await page.title()).toBe("This link is protected");
    // The style is let through by its hash.
    expect(await page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius")).toBe("10px");
    await page.fill("input[name=password]", "wrong");
    await page.click("button");
    await page.waitForSelector("[role=alert]");
    expect(await page.textContent("[role=alert]")).toBe("The password is wrong.");
    await page.fill("input[name=password]", "open sesame");
    await page.click("button");
    await page.waitForURL(`${pages.url}/target`);
    expect(await page.title()).toBe("Target");
    expect(problems).toEqual([]);
    await page.close();
  });

  it("a preview runs nothing that stands in a target", async () => {
    await links.put({
      code: "shown01",
      url: `${pages.url}/target?"><img src=x onerror="document.title='ran'">`,
    });
    const page = await pages.browser.newPage();
    await page.goto(`${edge.url}/shown01+`);
    expect(await page.title()).toBe("Preview of shown01");
    expect(await page.locator("img").count()).toBe(0);
    await page.click("a");
    await page.waitForURL(/\/target/);
    await page.close();
  });
});
