import { expect, it } from "vitest";
import { Memory } from "./memory.ts";

const bytes = 10_000;

it("lets the least recently used go when it is full", () => {
  const memory = new Memory(3 * bytes);
  memory.set("a", 1, bytes - 1000);
  memory.set("b", 2, bytes - 1000);
  memory.set("c", 3, bytes - 1000);
  memory.get("a");
  memory.set("d", 4, bytes - 1000);
  expect(["a", "b", "c", "d"].map((key) => memory.get(key))).toEqual([1, undefined, 3, 4]);
});

it("makes what many ask for once", async () => {
  const memory = new Memory();
  let made = 0;
  const ask = () =>
    memory.getOrMake(
      "a",
      () => Promise.resolve((made += 1)),
      () => 1,
    );
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
  expect(await ask()).toBe(1);
});

it("lets the next one make it when the first one failed", async () => {
  const memory = new Memory();
  let tries = 0;
  const ask = () =>
    memory.getOrMake(
      "a",
      () => {
        tries += 1;
        return tries === 1 ? Promise.reject(new Error("left")) : Promise.resolve(tries);
      },
      () => 1,
    );
  const asked = await Promise.allSettled([ask(), ask(), ask()]);
  expect(asked.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(tries).toBe(2);
});

it("answers what is too large to be held", async () => {
  const memory = new Memory(10);
  expect(
    await memory.getOrMake(
      "a",
      () => Promise.resolve("large"),
      () => 1_000,
    ),
  ).toBe("large");
  expect(memory.get("a")).toBeUndefined();
});
