import { expect, test } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import type { CachedLink } from "#schemas/links/link-cache.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { findLinkLimits, LinkFinder } from "./find-link.ts";
import { KnownLinks } from "./known-links.ts";
import type { StoredLink } from "./link-store.ts";

const base: ResolvedLink = {
  id: 1,
  publicId: "link-1",
  projectId: 1,
  projectPublicId: "default",
  domain: "",
  code: "a",
  url: "https://e.com/1",
  redirect: 302,
  forwardQuery: false,
  expiresAtMs: null,
  expiredUrl: null,
  maxClicks: null,
  hasPassword: false,
  title: null,
  retentionDays: 0,
  version: 1,
};

function create() {
  const state = {
    nowMs: 1_000_000,
    link: base as ResolvedLink | null,
    inRedis: undefined as StoredLink | undefined,
    away: false,
    asked: [] as string[],
    put: [] as CachedLink[],
    /** Runs while the service works on an answer it has read already. */
    meanwhile: (): void => undefined,
  };
  const finder = new LinkFinder({
    sources: {
      read: async () => state.inRedis,
      put: (_domain, _code, cached) => state.put.push(cached),
      resolve: async (_domain, code) => {
        state.asked.push(code);
        if (state.away) throw new MillraceError("SERVICE_UNAVAILABLE");
        const { link } = state;
        state.meanwhile();
        return link;
      },
    },
    log: createLogger({ level: "fatal", name: "test" }),
    count: () => undefined,
    known: new KnownLinks({ linksMax: 100, missingMax: 1_000 }),
    now: () => state.nowMs,
  });
  const find = async (code = "a") => (await finder.find("", code, state.nowMs))?.url;
  return { state, finder, find };
}

const settle = () => new Promise((done) => setImmediate(done));

test("asks once for many visitors at once, then answers without asking", async () => {
  const { state, finder, find } = create();
  expect(await Promise.all([find(), find(), find()])).toEqual(Array(3).fill(base.url));
  expect(finder.find("", "a", state.nowMs)).toMatchObject({ url: base.url });
  expect(state.asked).toEqual(["a"]);
  expect(state.put).toEqual([{ version: 1, link: base }]);
});

test("hits do not keep a link beyond its time, also when no announcement came", async () => {
  const { state, find } = create();
  await find();
  state.link = { ...base, url: "https://e.com/2", version: 2 };
  const changedAtMs = state.nowMs;
  let seen = base.url as string | undefined;
  while (seen === base.url) {
    state.nowMs += 100;
    seen = await find();
    await settle();
  }
  expect(seen).toBe("https://e.com/2");
  expect(state.nowMs - changedAtMs).toBeLessThanOrEqual(60_000);
});

test("what stood in Redis keeps the age it had there", async () => {
  const { state, find } = create();
  state.inRedis = { version: 1, link: base, restMs: 5_000 };
  expect(await find()).toBe(base.url);
  expect(state.asked).toEqual([]);
  state.inRedis = undefined;
  state.link = { ...base, url: "https://e.com/2", version: 2 };
  state.nowMs += 5_001;
  expect(await find()).toBe("https://e.com/2");
});

test("an announcement while it is looked up makes it look again", async () => {
  const { state, finder, find } = create();
  state.meanwhile = () => {
    state.meanwhile = () => undefined;
    state.link = { ...base, url: "https://e.com/2", version: 2 };
    finder.changed({ domain: "", code: "a", version: 2 });
  };
  expect(await find()).toBe("https://e.com/2");
  expect(state.asked).toEqual(["a", "a"]);
});

test("an older version in Redis is not believed after an announcement", async () => {
  const { state, finder, find } = create();
  state.inRedis = { version: 1, link: base, restMs: 50_000 };
  state.link = { ...base, url: "https://e.com/2", version: 2 };
  finder.changed({ domain: "", code: "a", version: 2 });
  expect(await find()).toBe("https://e.com/2");
});

test("known links go on while nobody can be asked, without asking at every visit", async () => {
  const { state, find } = create();
  await find();
  state.away = true;
  state.nowMs += 3_600_000;
  expect(await find()).toBe(base.url);
  const before = state.asked.length;
  for (let visit = 0; visit < 50; visit += 1) expect(await find()).toBe(base.url);
  expect(state.asked.length).toBe(before);
  await expect(find("unknown")).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  state.nowMs += findLinkLimits.staleMs;
  await expect(find()).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
});

test("after a lost connection each link is asked for before it is answered", async () => {
  const { state, finder, find } = create();
  await find();
  state.link = { ...base, url: "https://e.com/2", version: 2 };
  expect(await find()).toBe(base.url);
  finder.doubtAll();
  expect(await find()).toBe("https://e.com/2");
});

test("random codes push out no link, and a missing one is asked for once in its time", async () => {
  const { state, finder, find } = create();
  await find();
  state.link = null;
  for (let number = 0; number < 5_000; number += 1) await find(`random${number}`);
  expect(finder.known.missing).toBeLessThanOrEqual(1_000);
  expect(finder.find("", "a", state.nowMs)).toMatchObject({ url: base.url });
  const before = state.asked.length;
  for (let visit = 0; visit < 100; visit += 1) {
    await find("random4999");
    state.nowMs += 49;
  }
  expect(state.asked.length).toBe(before);
});

test("no more lookups at once than the bound", async () => {
  const { state, finder } = create();
  state.link = null;
  const codes = Array.from({ length: findLinkLimits.lookupsMax + 10 }, (_, number) => `c${number}`);
  const outcomes = await Promise.allSettled(codes.map(async (code) => finder.find("", code, state.nowMs)));
  expect(outcomes.filter(({ status }) => status === "rejected").length).toBe(10);
});

test("memory is bounded by bytes too, and what is asked for stays", async () => {
  const known = new KnownLinks({ bytesMax: 100_000 });
  const link = {
    ...base,
    redirectHeaders: [],
    clickHead: "",
    clickPrefix: "",
    utm: {},
    utmMembers: "",
    bytes: 10_000,
  };
  const times = { freshUntilMs: 0, usableUntilMs: 0, staleUntilMs: 0 };
  known.remember("hot", { link, ...times, used: false });
  for (let number = 0; number < 100; number += 1) {
    expect(known.find("hot")).toBeDefined();
    known.remember(`cold${number}`, { link, ...times, used: false });
    expect(known.bytes).toBeLessThanOrEqual(100_000);
  }
  expect(known.size).toBe(10);
});
