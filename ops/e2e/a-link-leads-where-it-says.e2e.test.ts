// Short links of a whole installation: made, followed, changed and used up, through the death of Redis and of the edge;
// every redirect is a click in the answers.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ask, query, type Asked } from "./ask.ts";
import { Installation, kill, sleep } from "./installation.ts";

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.create();
  installation.start();
  await installation.ready();
});

afterAll(() => installation.destroy());

interface Made {
  id: string;
  code: string;
  short_url: string;
}

const api = (method: "POST" | "PATCH" | "DELETE", path: string, body?: object): Promise<Asked> =>
  ask(installation, "admin", method, path, body);

async function make(link: object): Promise<Made> {
  const { status, body } = await api("POST", "/v1/links", link);
  expect(body).toMatchObject({ code: expect.any(String) as string });
  expect(status).toBe(201);
  return body as Made;
}

/** Status 0: no answer. */
async function visit(
  code: string,
  init: RequestInit = {},
): Promise<{ status: number; location: string | null }> {
  const response = await fetch(`${installation.url}/${code}`, { redirect: "manual", ...init }).catch(
    () => undefined,
  );
  await response?.arrayBuffer();
  const location = response?.headers.get("location") ?? null;
  // Headers come as bytes, each of them a character.
  return {
    status: response?.status ?? 0,
    location: location === null ? null : Buffer.from(location, "latin1").toString(),
  };
}

/** Clicks of a link in the answers. */
async function countClicks(code: string): Promise<number> {
  const answer = await query<{ series: { total: number }[] }>(installation, "trends", {
    from: new Date(Date.now() - 24 * 3600 * 1000).toISOString(),
    to: new Date(Date.now() + 3600 * 1000).toISOString(),
    interval: "day",
    series: [
      { event: "link.clicked", math: "total", filters: [{ property: "code", operator: "eq", value: code }] },
    ],
  });
  return answer.series[0]?.total ?? 0;
}

function find(part: string): number {
  const found = installation.processes().find(({ command }) => command.includes(part));
  if (found === undefined) throw new Error(`no process ${part}`);
  return found.pid;
}

it("a link is followed as it was given, and its change and deletion at once", async () => {
  const url = "https://example.com/a%20b?q=ä&x=1#top";
  const link = await make({ url, alias: "first-one" });
  expect(await visit(link.code)).toEqual({ status: 302, location: url });
  expect(await visit(new URL(link.short_url).pathname.slice(1))).toMatchObject({ status: 302 });
  expect((await api("PATCH", `/v1/links/${link.code}`, { url: "https://example.com/2" })).status).toBe(200);
  await vi.waitUntil(async () => (await visit(link.code)).location === "https://example.com/2", {
    timeout: 1_000,
  });
  expect((await api("DELETE", `/v1/links/${link.code}`)).status).toBe(200);
  await vi.waitUntil(async () => (await visit(link.code)).status === 404, { timeout: 1_000 });
  const again = await make({ url: "https://example.com/3", alias: "first-one" });
  await vi.waitUntil(async () => (await visit(again.code)).location === "https://example.com/3", {
    timeout: 1_000,
  });
});

it("a password opens a link, and many wrong ones are refused", async () => {
  const link = await make({ url: "https://example.com/secret", password: "open sesame" });
  expect((await visit(link.code)).status).toBe(401);
  const attempt = (password: string) =>
    visit(link.code, { method: "POST", body: new URLSearchParams({ password }) });
  expect((await attempt("wrong")).status).toBe(401);
  expect(await attempt("open sesame")).toEqual({ status: 303, location: "https://example.com/secret" });
  let refused = 0;
  for (let count = 0; count < 20; count += 1) if ((await attempt("wrong")).status === 429) refused += 1;
  expect(refused).toBeGreaterThan(5);
});

it("a link with a number of clicks gives exactly those, though Redis dies and forgets them", async () => {
  const maxClicks = 60;
  const link = await make({ url: "https://example.com/limited", max_clicks: maxClicks });
  let redirected = 0;
  for (; redirected < 25; redirected += 1) expect((await visit(link.code)).status).toBe(302);
  kill(find("valkey-server"));
  const statuses = new Set<number>();
  await vi.waitUntil(
    async () => {
      const { status } = await visit(link.code);
      statuses.add(status);
      if (status === 302) redirected += 1;
      else if (status !== 410) await sleep(50);
      return status === 410;
    },
    { timeout: 60_000, interval: 0 },
  );
  expect([...statuses].every((status) => [302, 410, 503].includes(status))).toBe(true);
  expect(redirected).toBe(maxClicks);
  await expect.poll(() => countClicks(link.code), { timeout: 10_000 }).toBe(maxClicks);
});

it("links go on when the edge died, and every redirect it lived through is a click", async () => {
  const link = await make({ url: "https://example.com/goes-on" });
  let redirected = 0;
  const follow = async (visits: number): Promise<void> => {
    for (let count = 0; count < visits; count += 1)
      if ((await visit(link.code)).status === 302) redirected += 1;
  };
  await Promise.all([follow(50), follow(50), follow(50), follow(50)]);
  // Clicks of the last milliseconds may die with the edge: these are in the log.
  await sleep(500);
  expect(redirected).toBe(200);
  kill(find("millrace.ts ingest"));
  await installation.ready();
  await vi.waitUntil(async () => (await visit(link.code)).status === 302, { timeout: 20_000 });
  redirected += 1;
  kill(find("millrace.ts workers"));
  await follow(100);
  expect(redirected).toBe(301);
  await expect.poll(() => countClicks(link.code), { timeout: 30_000 }).toBe(redirected);
});
