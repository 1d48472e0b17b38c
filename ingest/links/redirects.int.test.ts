// Short links at one edge, over HTTP, with a real log and a real Redis of its own.
import { mkdtemp, rm } from "node:fs/promises";
import { get } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import type { LinkClickedProperties } from "#schemas/links/link-clicked.ts";
import { connectNats } from "#streams/connect.ts";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectRedis } from "../access/connect-redis.ts";
import { LinksService } from "../testing/links-service.ts";
import { readLog, startEdge, type EdgeUnderTest } from "../testing/start-edge.ts";

const log = createLogger({ level: "error", name: "test" });
const browser =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
let dataDir: string;
let servers: Servers;
let connection: NatsConnection;
let redis: Redis;
let links: LinksService;
let edge: EdgeUnderTest;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-links-"));
  servers = await startServers({ dataDir, parts: ["nats", "valkey"] });
  connection = await connectNats({ url: servers.natsUrl, name: "links-test", log });
  redis = connectRedis(servers.redisUrl, log);
  await vi.waitUntil(() => redis.status === "ready", { timeout: 5_000 });
  links = new LinksService(connection, redis);
  edge = await startEdge(servers.natsUrl, { env: { MILLRACE_REDIS_URL: servers.redisUrl } });
});

afterAll(async () => {
  await edge.stop();
  await links.stop();
  redis.disconnect();
  await connection.close();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function visit(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${edge.url}${path}`, { redirect: "manual", ...init });
}

/** The bytes of an answer, because fetch decodes headers. */
function visitRaw(request: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(edge.port, "127.0.0.1");
    const parts: Buffer[] = [];
    socket.on("data", (bytes) => {
      parts.push(bytes);
      if (Buffer.concat(parts).includes("\r\n\r\n")) socket.end();
    });
    socket.on("close", () => resolve(Buffer.concat(parts)));
    socket.on("error", reject);
    socket.write(request, "latin1");
  });
}

async function clicksOf(code: string): Promise<Record<string, unknown>[]> {
  const events = await readLog(edge.connection);
  return events
    .filter(({ event }) => event === "link.clicked")
    .map((event) => ({ ...event, properties: JSON.parse(event.properties) as Record<string, unknown> }))
    .filter(({ properties }) => properties["code"] === code);
}

async function eventuallyClicks(code: string, count: number): Promise<Record<string, unknown>[]> {
  await expect.poll(async () => (await clicksOf(code)).length, { timeout: 5_000 }).toBe(count);
  return clicksOf(code);
}

describe("redirects", () => {
  it.each([301, 302, 307, 308] as const)("answers %d as the link says", async (redirect) => {
    await links.put({ code: `status${redirect}`, redirect, url: "https://example.com/a?b=c#d" });
    const response = await visit(`/status${redirect}?x=1`);
    expect(response.status).toBe(redirect);
    expect(response.headers.get("location")).toBe("https://example.com/a?b=c#d");
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("cache-control")).toBe(
      redirect === 301 || redirect === 308 ? "private, max-age=60" : "private, no-store",
    );
    expect(await response.text()).toBe("");
  });

  it("lets nobody keep a permanent redirect that can end", async () => {
    await links.put({ code: "ends301", redirect: 301, expiresAtMs: Date.now() + 3_600_000 });
    expect((await visit("/ends301")).headers.get("cache-control")).toBe("private, no-store");
  });

  it("sends Location byte for byte", async () => {
    const url = "https://bücher.example/ä/%C3%A4/%zz?q=日本 語&x='\"<>#…";
    await links.put({ code: "bytes01", url });
    const answer = await visitRaw("GET /bytes01 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const head = answer.toString("utf8");
    expect(head).toMatch(/^HTTP\/1\.1 302 Found\r\n/);
    expect(/^Location: (.*)\r$/m.exec(head)?.[1]).toBe(url);
  });

  it.each([
    { url: "https://e.com/a", query: "x=1&y=%20", expected: "https://e.com/a?x=1&y=%20" },
    { url: "https://e.com/a?b=1#top", query: "x=1", expected: "https://e.com/a?b=1&x=1#top" },
    { url: "https://e.com/a?#top", query: "x=1", expected: "https://e.com/a?x=1#top" },
    { url: "https://e.com/#/route?no", query: "x=1", expected: "https://e.com/?x=1#/route?no" },
    { url: "https://e.com/", query: "", expected: "https://e.com/" },
  ])("puts the visit's query $query behind $url", async ({ url, query, expected }) => {
    const code = `query${Math.random().toString(36).slice(2, 8)}`;
    await links.put({ code, url, forwardQuery: true });
    const response = await visit(`/${code}${query === "" ? "" : `?${query}`}`);
    expect(response.headers.get("location")).toBe(expected);
  });

  it("a query string ends no header and breaks no address", async () => {
    await links.put({ code: "hostile", url: "https://e.com/", forwardQuery: true });
    const answer = await visitRaw('GET /hostile?a=\xff\xc3\x28&b="<> HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const location = /^Location: (.*)\r$/m.exec(answer.toString("latin1"))?.[1];
    expect(location).toMatch(/^https:\/\/e\.com\/\?a=[\x21-\x7e]*&b=[\x21-\x7e]*$/);
  });

  it("leaves the edge's own addresses alone, whatever links there are", async () => {
    for (const code of ["healthz", "docs", "v1", "metrics"]) await links.put({ code });
    expect((await visit("/healthz")).status).toBe(200);
    expect((await visit("/docs", { method: "DELETE" })).status).toBe(405);
    expect((await visit("/healthz", { method: "POST" })).status).toBe(405);
    expect((await visit("/metrics")).status).toBe(401);
  });

  it("names the methods of a code", async () => {
    const response = await visit("/abcdefg", { method: "DELETE" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")?.split(", ").toSorted()).toEqual(["GET", "HEAD", "OPTIONS", "POST"]);
    const preflight = await visit("/abcdefg", { method: "OPTIONS" });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-methods")).toContain("GET");
  });

  it("tells domains apart by the Host header", async () => {
    await links.put({ code: "shared1", url: "https://own.example/" });
    await links.put({ code: "shared1", domain: "go.example.org", url: "https://theirs.example/" });
    const ask = async (host: string) =>
      /^Location: (.*)\r$/m.exec(
        (await visitRaw(`GET /shared1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toString(),
      )?.[1];
    expect(await ask("localhost:8080")).toBe("https://own.example/");
    expect(await ask("127.0.0.1")).toBe("https://own.example/");
    expect(await ask("Go.Example.ORG:443")).toBe("https://theirs.example/");
    expect(await ask("other.example.org")).toBeUndefined();
  });
});

describe("clicks", () => {
  it("every redirect is an event of the link's project", async () => {
    await links.put({
      code: "clicked",
      projectId: 7,
      url: "https://e.com/?utm_source=mail&utm_medium=a%22b",
    });
    await visit("/clicked?utm_source=post", {
      headers: {
        "user-agent": browser,
        referer: "https://www.News.example:8443/path?secret=1",
        "accept-language": "nl-NL,nl;q=0.9",
      },
    });
    const [click, ...more] = await eventuallyClicks("clicked", 1);
    expect(more).toEqual([]);
    expect(click).toMatchObject({
      project_id: 7,
      event: "link.clicked",
      user_id: "",
      user_agent: browser,
      properties: {
        code: "clicked",
        domain: "",
        bot: false,
        preview: false,
        referrer_domain: "news.example",
        language: "nl",
        utm_source: "post",
        utm_medium: 'a"b',
      } satisfies Omit<LinkClickedProperties, "link_id">,
    });
    expect(click?.["anonymous_id"]).toMatch(/^[\w-]{22}$/);
    expect(JSON.stringify(click)).not.toContain("127.0.0.1");
  });

  it("is told in any script, and user agents are cut", async () => {
    await links.put({ code: "script1", url: "https://e.com/?utm_source=%E6%97%A5&utm_term=%C3%A4" });
    const agent = `Mozilla/5.0 ${"x".repeat(2_000)}`;
    for (const query of ["", "?utm_term=%F0%9F%98%80"])
      await visit(`/script1${query}`, { headers: { "user-agent": agent } });
    const clicks = await eventuallyClicks("script1", 2);
    expect(clicks.map((click) => click["user_agent"])).toEqual(Array(2).fill(agent.slice(0, 1_024)));
    const terms = clicks.map(({ properties }) => (properties as { utm_term: string }).utm_term);
    expect(terms.toSorted()).toEqual(["ä", "\u{1f600}"]);
    expect(clicks[0]?.["properties"]).toMatchObject({ utm_source: "日" });
  });

  it("the same visitor has one name in a project, and another one in the next", async () => {
    await links.put({ code: "visitor1", projectId: 7 });
    await links.put({ code: "visitor2", projectId: 8 });
    for (const code of ["visitor1", "visitor1", "visitor2"])
      await visit(`/${code}`, { headers: { "user-agent": browser } });
    await visit("/visitor1", { headers: { "user-agent": `${browser} other` } });
    const names = (await eventuallyClicks("visitor1", 3)).map((click) => click["anonymous_id"]);
    const [other] = await eventuallyClicks("visitor2", 1);
    expect(new Set(names).size).toBe(2);
    expect(names).not.toContain(other?.["anonymous_id"]);
  });

  it("tells bots and prefetching apart; HEAD and previews are no clicks", async () => {
    await links.put({ code: "kinds01" });
    await visit("/kinds01", { method: "HEAD" });
    await visit("/kinds01+");
    await visit("/kinds01", { headers: { "user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)" } });
    await visit("/kinds01", { headers: { "user-agent": browser, "sec-purpose": "prefetch;prerender" } });
    const clicks = await eventuallyClicks("kinds01", 2);
    const kinds = clicks.map(({ properties }) => properties as { bot: boolean; preview: boolean });
    expect(kinds.map(({ bot, preview }) => [bot, preview])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it("HEAD answers as GET does, without a body", async () => {
    await links.put({ code: "headed1", url: "https://e.com/x" });
    const response = await visit("/headed1", { method: "HEAD" });
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe("https://e.com/x");
    const missing = await visit("/nothere", { method: "HEAD" });
    expect(missing.status).toBe(404);
    expect(Number(missing.headers.get("content-length"))).toBeGreaterThan(50);
  });
});

describe("what is not redirected", () => {
  it("404 is a page for browsers and JSON for programs", async () => {
    const json = await visit("/missing1");
    expect(json.status).toBe(404);
    expect(await json.json()).toMatchObject({ error: { code: "LINK_NOT_FOUND" } });
    const page = await visit("/missing1", { headers: { accept: "text/html,*/*" } });
    expect(page.status).toBe(404);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("There is no link");
  });

  it.each(["/a.b", "/%00", "/%E0%A4%A", "/ä", "/a%2Fb", "/+", "/favicon.ico", `/${"x".repeat(500)}`])(
    "%s is nothing, and nobody is asked",
    async (path) => {
      const before = links.asked.length;
      expect((await visit(path)).status).toBe(404);
      expect(links.asked.length).toBe(before);
    },
  );

  it("an expired link is gone from its instant on, or leads to its own page", async () => {
    const expiresAtMs = Date.now() + 400;
    await links.put({ code: "expires", expiresAtMs });
    await links.put({ code: "expires2", expiresAtMs, expiredUrl: "https://e.com/over" });
    expect((await visit("/expires")).status).toBe(302);
    while (Date.now() < expiresAtMs) {
      const before = Date.now();
      const { status } = await visit("/expires");
      if (Date.now() < expiresAtMs) expect(status, `${expiresAtMs - before} ms before`).toBe(302);
    }
    const gone = await visit("/expires");
    expect(gone.status).toBe(410);
    expect(await gone.json()).toMatchObject({ error: { code: "LINK_EXPIRED" } });
    const led = await visit("/expires2");
    expect([led.status, led.headers.get("location")]).toEqual([302, "https://e.com/over"]);
    await eventuallyClicks("expires2", 0);
  });

  it("a preview shows where a link leads, as text", async () => {
    await links.put({ code: "previewed", url: "https://e.com/?a=<script>alert(1)</script>&b='\"" });
    const page = await (await visit("/previewed+", { headers: { accept: "text/html" } })).text();
    expect(page).not.toContain("<script");
    expect(page).toContain("https://e.com/?a=&lt;script&gt;alert(1)&lt;/script&gt;&amp;b=&#39;&quot;");
    expect(await (await visit("/previewed+")).json()).toMatchObject({
      code: "previewed",
      has_password: false,
    });
  });

  it("a password opens a link, and only the right one", async () => {
    await links.put({ code: "locked1", url: "https://e.com/secret" }, "s3cret & more");
    const form = await visit("/locked1", { headers: { accept: "text/html" } });
    expect(form.status).toBe(401);
    const page = await form.text();
    expect(page).toContain('<form method="post">');
    expect(page).not.toContain("e.com/secret");
    expect(await (await visit("/locked1+", { headers: { accept: "text/html" } })).text()).not.toContain(
      "secret",
    );
    expect(await (await visit("/locked1")).json()).toMatchObject({
      error: { code: "LINK_PASSWORD_REQUIRED" },
    });
    const post = (body: string | URLSearchParams, headers: Record<string, string> = {}): Promise<Response> =>
      visit("/locked1", { method: "POST", body, headers });
    const wrong = await post(new URLSearchParams({ password: "<b>" }), { accept: "text/html" });
    expect(wrong.status).toBe(401);
    expect(await wrong.text()).toContain("The password is wrong.");
    const right = await post(new URLSearchParams({ password: "s3cret & more" }));
    expect([right.status, right.headers.get("location")]).toEqual([303, "https://e.com/secret"]);
    const asJson = await post(JSON.stringify({ password: "s3cret & more" }), {
      "content-type": "application/json",
    });
    expect(asJson.status).toBe(303);
    expect((await post("password=", { "content-type": "application/x-www-form-urlencoded" })).status).toBe(
      401,
    );
    expect((await post("{", { "content-type": "application/json" })).status).toBe(400);
    expect((await post("x".repeat(10_000))).status).toBe(413);
    await eventuallyClicks("locked1", 2);
  });
});

describe("links with a number of clicks", () => {
  it("are redirected exactly so often, however many come at once", async () => {
    await links.put({ code: "limited1", maxClicks: 50 });
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => (await visit("/limited1")).status),
    );
    expect(statuses.filter((status) => status === 302).length).toBe(50);
    expect(statuses.filter((status) => status === 410).length).toBe(150);
    await eventuallyClicks("limited1", 50);
  });

  it("HEAD and fetching ahead use none up", async () => {
    await links.put({ code: "limited2", maxClicks: 1 });
    expect((await visit("/limited2", { method: "HEAD" })).status).toBe(302);
    expect((await visit("/limited2", { headers: { purpose: "prefetch" } })).status).toBe(503);
    expect((await visit("/limited2")).status).toBe(302);
    expect((await visit("/limited2", { method: "HEAD" })).status).toBe(410);
    expect((await visit("/limited2")).status).toBe(410);
  });

  it("go on from what is stored when Redis forgot them", async () => {
    const { publicId } = await links.put({ code: "limited3", maxClicks: 3 });
    expect((await visit("/limited3")).status).toBe(302);
    links.stored.set(publicId, 1);
    await redis.flushall();
    expect((await visit("/limited3")).status).toBe(302);
    expect((await visit("/limited3")).status).toBe(302);
    expect((await visit("/limited3")).status).toBe(410);
  });
});

describe("what is remembered", () => {
  it("a change is followed at once, also while it is looked up", async () => {
    for (let round = 0; round < 20; round += 1) {
      const code = `changed${round}`;
      await links.put({ code, url: "https://e.com/1" });
      const early = Promise.all(Array.from({ length: 5 }, () => visit(`/${code}`)));
      await links.put({ code, url: "https://e.com/2" });
      await early;
      await expect
        .poll(async () => (await visit(`/${code}`)).headers.get("location"), { interval: 5, timeout: 1_000 })
        .toBe("https://e.com/2");
      await links.remove("", code);
      await expect
        .poll(async () => (await visit(`/${code}`)).status, { interval: 5, timeout: 1_000 })
        .toBe(404);
      await links.put({ code, url: "https://e.com/3" });
      await expect
        .poll(async () => (await visit(`/${code}`)).headers.get("location"), { interval: 5, timeout: 1_000 })
        .toBe("https://e.com/3");
    }
  });

  it("a missing code is asked for once, however often it is visited", async () => {
    const before = links.asked.length;
    await Promise.all(Array.from({ length: 100 }, () => visit("/missing2")));
    await visit("/missing2");
    expect(links.asked.slice(before)).toEqual(["missing2"]);
  });

  it("a link that is made where nothing was is there at once", async () => {
    expect((await visit("/appears")).status).toBe(404);
    await links.put({ code: "appears" });
    await expect
      .poll(async () => (await visit("/appears")).status, { interval: 5, timeout: 1_000 })
      .toBe(302);
  });
});

describe("visits of one address", () => {
  it("are limited by the second, and nobody else notices", async () => {
    await links.put({ code: "busy001" });
    const limited = await startEdge(servers.natsUrl, { env: { MILLRACE_REDIRECTS_PER_SECOND_MAX: "20" } });
    const visitFrom = (localAddress: string): Promise<{ status: number; retryAfter: string | undefined }> =>
      new Promise((resolve, reject) => {
        const request = get(`${limited.url}/busy001`, { localAddress, agent: false }, (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"] });
        });
        request.on("error", reject);
      });
    try {
      const greedy = await Promise.all(Array.from({ length: 100 }, () => visitFrom("127.0.0.2")));
      const refused = greedy.filter(({ status }) => status === 429);
      // A second may end in between.
      expect(refused.length).toBeGreaterThanOrEqual(60);
      expect(new Set(refused.map(({ retryAfter }) => retryAfter))).toEqual(new Set(["1"]));
      const others = await Promise.all(
        Array.from({ length: 100 }, (_, index) => visitFrom(`127.0.1.${index + 1}`)),
      );
      expect(new Set(others.map(({ status }) => status))).toEqual(new Set([302]));
    } finally {
      await limited.stop();
    }
  });
});

describe("when servers are away", () => {
  it("known links go on without Redis, and those with a number of clicks wait", async () => {
    await links.put({ code: "goeson1" });
    await links.put({ code: "goeson2", maxClicks: 10 });
    expect((await visit("/goeson1")).status).toBe(302);
    expect((await visit("/goeson2")).status).toBe(302);
    process.kill(servers.pids.valkey as number, "SIGKILL");
    await expect.poll(() => redis.status).not.toBe("ready");
    expect((await visit("/goeson1")).status).toBe(302);
    const waits = await visit("/goeson2");
    expect(waits.status).toBe(503);
    expect(waits.headers.get("retry-after")).toBe("1");
    // What was not known is asked for from the service.
    await links.put({ code: "goeson3" });
    expect((await visit("/goeson3")).status).toBe(302);
  });
});
