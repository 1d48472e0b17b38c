// Every redirect is one click, and lists, statistics, queries and the live feed agree about how many there were, while
// the workers die and come back.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { LinkStats } from "#schemas/links/link-stats.ts";
import { LiveListener } from "#ingest/testing/live-listener.ts";
import { ask, query } from "./ask.ts";
import { Installation, kill, sleep } from "./installation.ts";

const browser = (id: number): string =>
  `Mozilla/5.0 (X11; Linux x86_64; rv:${100 + id}.0) Gecko/20100101 Firefox/${100 + id}.0`;
const program = "Googlebot/2.1 (+http://www.google.com/bot.html)";
const visitors = 8;
const waitMsMax = 60_000;

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.create();
  installation.start();
  await installation.ready();
});
afterAll(() => installation.destroy());

async function make(alias: string): Promise<void> {
  const { status } = await ask(installation, "admin", "POST", "/v1/links", {
    url: "https://example.com/",
    alias,
  });
  expect(status).toBe(201);
}

async function visit(code: string, headers: Record<string, string>): Promise<number> {
  const response = await fetch(`${installation.url}/${code}`, { redirect: "manual", headers });
  await response.arrayBuffer();
  return response.status;
}

async function stats(code: string): Promise<LinkStats> {
  const { body } = await ask(installation, "read", "GET", `/v1/links/${code}/stats`);
  return body as LinkStats;
}

async function inList(code: string): Promise<{ clicks: number; last_clicked_at: string | null }> {
  const { body } = await ask(installation, "read", "GET", `/v1/links/${code}`);
  return body as { clicks: number; last_clicked_at: string | null };
}

it("lists, statistics, queries and the live feed say what was answered", async () => {
  const codes = ["spring-sale", "autumn-sale"];
  for (const code of codes) await make(code);
  const live = await LiveListener.stream(`${installation.url}/v1/links/spring-sale/clicks`, {
    authorization: `Bearer ${installation.keys.read}`,
  });
  await live.opened();
  const expected = new Map(codes.map((code) => [code, { clicks: 0, bots: 0, previews: 0 }]));
  let kills = 0;
  for (let round = 0; round < 300; round += 1) {
    const code = codes[round % 3 === 0 ? 1 : 0] as string;
    const isBot = round % 7 === 0;
    const isPreview = !isBot && round % 11 === 0;
    const status = await visit(code, {
      "user-agent": isBot ? program : browser(round % visitors),
      ...(isPreview ? { "sec-purpose": "prefetch" } : {}),
      referer: "https://news.example/story",
    });
    expect(status).toBe(302);
    const counted = expected.get(code) as { clicks: number; bots: number; previews: number };
    counted[isBot ? "bots" : isPreview ? "previews" : "clicks"] += 1;
    // Not clicks.
    await fetch(`${installation.url}/${code}`, { method: "HEAD", redirect: "manual" });
    if (round % 100 === 50) {
      const workers = installation.processes().find(({ command }) => command.includes("millrace.ts workers"));
      if (workers !== undefined) {
        kill(workers.pid);
        kills += 1;
      }
    }
    await sleep(5);
  }
  expect(kills).toBeGreaterThan(0);

  for (const code of codes) {
    const { clicks, bots, previews } = expected.get(code) as {
      clicks: number;
      bots: number;
      previews: number;
    };
    await vi.waitFor(async () => expect((await inList(code)).clicks).toBe(clicks), {
      timeout: waitMsMax,
      interval: 200,
    });
    const answer = await stats(code);
    expect(answer).toMatchObject({ clicks, bots, previews, unique_visitors: visitors });
    expect(answer.last_clicked_at).toBe((await inList(code)).last_clicked_at);
    expect(answer.series.clicks.reduce((sum, count) => sum + count, 0)).toBe(clicks);
    expect(answer.browsers.values).toEqual([{ value: expect.stringContaining("Firefox") as string, clicks }]);
    expect(answer.referrers).toEqual({ values: [{ value: "news.example", clicks }], other: 0 });
    expect(answer.countries).toEqual({ values: [{ value: null, clicks }], other: 0 });
  }

  const from = new Date(Date.now() - 24 * 3600 * 1000).toISOString();
  const trends = await query<{ series: { breakdown: string; total: number }[] }>(installation, "trends", {
    from,
    interval: "day",
    series: [{ event: "link.clicked", math: "total" }],
    filters: [
      { property: "bot", operator: "eq", value: false },
      { property: "preview", operator: "eq", value: false },
    ],
    breakdown: { property: "code" },
  });
  expect(new Map(trends.series.map(({ breakdown, total }) => [breakdown, total]))).toEqual(
    new Map([...expected].map(([code, { clicks }]) => [code, clicks])),
  );

  // Workers that die do not tell; what is told is a click of this link, by people.
  const told = live.of("event");
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThanOrEqual((expected.get("spring-sale") as { clicks: number }).clicks);
  for (const { properties } of told) expect(properties).toMatchObject({ code: "spring-sale", bot: false });
  live.close();
});
