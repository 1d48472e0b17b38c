import { expect, it } from "vitest";
import { checkReads, nothingExpired } from "../expiry/expiry.ts";
import type { QueryRun } from "../store/query-run.ts";
import type { Statement } from "../store/run-statement.ts";
import { KeptStates, type DayStates } from "./kept-states.ts";

/** Rows of the store, and how often it was asked. */
function create() {
  const clock = { ms: 0 };
  const store = { rows: [["order", 10, 7, 100]] as (string | number)[][], asked: 0 };
  const states = new KeptStates(() => clock.ms);
  const run = (epoch = "0", projectId = 1, expiry = nothingExpired): QueryRun =>
    ({
      projectId,
      epoch,
      expiry,
      rows: (_plan: unknown, statement: Statement) => {
        store.asked += 1;
        checkReads([statement], expiry);
        return Promise.resolve(store.rows);
      },
    }) as unknown as QueryRun;
  const wanted = { selectorId: 1, event: "order", fromDay: 0, endDay: 20 };
  return { clock, store, states, run, wanted };
}

const always = (): boolean => true;
const never = (): boolean => false;
const generationOf = (states: DayStates): number | undefined => states?.get("order")?.get(10)?.generation;

it("asks the store once while days are what they were, also for parts of the range", async () => {
  const { states, run, store, wanted, clock } = create();
  expect(await states.read(run(), wanted, always)).toEqual(
    new Map([["order", new Map([[10, { generation: 7, rows: 100 }]])]]),
  );
  clock.ms = 30_000;
  await states.read(run(), { ...wanted, fromDay: 5 }, always);
  expect(store.asked).toBe(1);
  await states.read(run(), { ...wanted, endDay: 21 }, always);
  expect(store.asked).toBe(2);
});

it("reads days before the range as well, which the next one may begin with, unless they are gone", async () => {
  const { states, run, store, wanted } = create();
  await states.read(run(), { ...wanted, fromDay: 150, endDay: 160 }, always);
  await states.read(run(), { ...wanted, fromDay: 128, endDay: 160 }, always);
  expect(store.asked).toBe(1);
  const expiry = { rawGone: [], aggregatesFromMs: 140 * 86_400_000 };
  const after = run("1", 1, expiry);
  await states.read(after, { ...wanted, fromDay: 150, endDay: 160 }, always);
  await states.read(after, { ...wanted, fromDay: 140, endDay: 160 }, always);
  expect(store.asked).toBe(2);
});

it("asks again when days changed, but not with every question", async () => {
  const { states, run, store, wanted, clock } = create();
  await states.read(run(), wanted, never);
  store.rows = [["order", 10, 8, 101]];
  clock.ms = 1_000;
  expect(generationOf(await states.read(run(), wanted, never))).toBe(7);
  clock.ms = 10_000;
  expect(generationOf(await states.read(run(), wanted, never))).toBe(8);
  expect(store.asked).toBe(2);
});

it("holds nothing for longer than what was replaced can be read", async () => {
  const { states, run, store, wanted, clock } = create();
  await states.read(run(), wanted, always);
  clock.ms = 120_000;
  await states.read(run(), wanted, always);
  expect(store.asked).toBe(2);
});

it.each<[string, (created: ReturnType<typeof create>) => Promise<DayStates>]>([
  ["rows were taken away", ({ states, run, wanted }) => states.read(run("1"), wanted, always)],
  ["another project", ({ states, run, wanted }) => states.read(run("0", 2), wanted, always)],
  ["another selector", ({ states, run, wanted }) => states.read(run(), { ...wanted, selectorId: 2 }, always)],
  ["another event", ({ states, run, wanted }) => states.read(run(), { ...wanted, event: null }, always)],
])("is asked again for %s", async (_what, read) => {
  const created = create();
  await created.states.read(created.run(), created.wanted, always);
  await read(created);
  expect(created.store.asked).toBe(2);
});

it("is bounded: what was held the longest goes, and too many days at once are none", async () => {
  const { states, run, store, wanted } = create();
  store.rows = Array.from({ length: 20_000 }, (_, day) => ["order", day, 1, 1]);
  for (let selectorId = 0; selectorId < 16; selectorId += 1) {
    await states.read(run(), { ...wanted, selectorId }, always);
  }
  const asked = store.asked;
  await states.read(run(), { ...wanted, selectorId: 15 }, always);
  expect(store.asked).toBe(asked);
  await states.read(run(), { ...wanted, selectorId: 0 }, always);
  expect(store.asked).toBe(asked + 1);
  store.rows.push(["order", 20_001, 1, 1]);
  expect(await states.read(run(), { ...wanted, selectorId: 99 }, always)).toBeUndefined();
});
