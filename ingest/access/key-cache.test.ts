import { expect, test } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { KeyCache, keyCacheLimits } from "./key-cache.ts";

const known: ResolvedKey = {
  projectId: 1,
  publicId: "p",
  keyId: "key_1",
  keyHint: "mr_write_…",
  scopes: ["write"],
  expiresAtMs: null,
  timezone: "UTC",
  eventsPerSecondMax: null,
  eventsPerDayMax: null,
  eventsPerMonthMax: null,
  retentionDays: 0,
};

function create(answer: (keyHash: string) => Promise<ResolvedKey | null>) {
  const state = { nowMs: 1_000_000, asked: [] as string[] };
  const cache = new KeyCache({
    lookup: (keyHash) => {
      state.asked.push(keyHash);
      return answer(keyHash);
    },
    now: () => state.nowMs,
  });
  return { state, cache };
}

test("asks once for many requests at once, then answers without asking", async () => {
  const { state, cache } = create(async () => known);
  const answers = await Promise.all([cache.resolve("a"), cache.resolve("a"), cache.resolve("a")]);
  expect(answers).toEqual([known, known, known]);
  expect(cache.resolve("a")).toBe(known);
  expect(state.asked).toEqual(["a"]);
});

test("a known key is asked for again beside its requests", async () => {
  const { state, cache } = create(async () => known);
  await cache.resolve("a");
  state.nowMs += keyCacheLimits.knownMs;
  expect(cache.resolve("a")).toBe(known);
  expect(state.asked).toEqual(["a", "a"]);
});

test("a known key goes on while it cannot be asked for, at most once a second", async () => {
  let away = false;
  const { state, cache } = create(async () => {
    if (away) throw new MillraceError("SERVICE_UNAVAILABLE");
    return known;
  });
  await cache.resolve("a");
  away = true;
  state.nowMs += keyCacheLimits.knownMs;
  expect(cache.resolve("a")).toBe(known);
  await Promise.resolve();
  expect(cache.resolve("a")).toBe(known);
  expect(state.asked.length).toBe(2);
  await expect(cache.resolve("new")).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
});

test("an unknown key is remembered shortly", async () => {
  const { state, cache } = create(async () => null);
  expect(await cache.resolve("a")).toBeNull();
  expect(cache.resolve("a")).toBeNull();
  state.nowMs += keyCacheLimits.unknownMs;
  expect(await cache.resolve("a")).toBeNull();
  expect(state.asked.length).toBe(2);
});

test("a revoked key ends with the announcement, also when an answer was under way", async () => {
  const answers: ((key: ResolvedKey | null) => void)[] = [];
  const { cache } = create(() => new Promise((resolve) => answers.push(resolve)));
  const first = cache.resolve("a");
  cache.forgetProject(1);
  answers[0]?.(known);
  await first;
  expect(cache.size).toBe(0);
  const second = cache.resolve("a");
  answers[1]?.(null);
  expect(await second).toBeNull();
});

test("is bounded, and wrong keys do not push out the ones in use", async () => {
  const { cache } = create(async (keyHash) => (keyHash === "good" ? known : null));
  await cache.resolve("good");
  for (let index = 0; index < keyCacheLimits.entriesMax + 100; index += 1)
    await cache.resolve(`wrong${index}`);
  expect(cache.size).toBeLessThanOrEqual(keyCacheLimits.entriesMax);
  expect(cache.resolve("good")).toBe(known);
});
