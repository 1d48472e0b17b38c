// One computation for all who ask at once: who shares it, and who ends it.
import { expect, it } from "vitest";
import { Flights } from "./flights.ts";

const stay = new AbortController().signal;

it("computes once for those who come while it is shareable", async () => {
  const flights = new Flights<number>();
  const end = Promise.withResolvers<number>();
  let computed = 0;
  const work = (_: AbortSignal, share: (mayBe: boolean) => void): Promise<number> => {
    computed += 1;
    share(true);
    return end.promise;
  };
  const all = [1, 2, 3].map(() => flights.run("q", stay, work));
  end.resolve(7);
  expect(await Promise.all(all)).toEqual([
    { value: 7, shared: false },
    { value: 7, shared: true },
    { value: 7, shared: true },
  ]);
  expect([computed, flights.size]).toEqual([1, 0]);
});

it("computes for each when the data was in motion", async () => {
  const flights = new Flights<number>();
  let computed = 0;
  const work = async (_: AbortSignal, share: (mayBe: boolean) => void): Promise<number> => {
    share(false);
    computed += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return computed;
  };
  const all = await Promise.all([1, 2, 3].map(() => flights.run("q", stay, work)));
  expect(all.every(({ shared }) => !shared)).toBe(true);
  expect([computed, flights.size]).toEqual([3, 0]);
});

it("goes on when one of two leaves, and ends when both did", async () => {
  const flights = new Flights<number>();
  const [first, second] = [new AbortController(), new AbortController()];
  let ended: AbortSignal | undefined;
  const work = (signal: AbortSignal, share: (mayBe: boolean) => void): Promise<number> => {
    ended = signal;
    share(true);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("ended"))));
  };
  const all = [first, second].map(({ signal }) =>
    flights.run("q", signal, work).catch((error: { code?: string }) => error.code),
  );
  await new Promise((resolve) => setImmediate(resolve));
  first.abort();
  expect(await all[0]).toBe("SHUTTING_DOWN");
  expect(ended?.aborted).toBe(false);
  second.abort();
  expect(await all[1]).toBe("SHUTTING_DOWN");
  expect(ended?.aborted).toBe(true);
  // Nobody is given what was ended.
  const next = await flights.run("q", stay, async () => 3);
  expect(next).toEqual({ value: 3, shared: false });
});

it("tells a failure to all who wait, and starts anew afterwards", async () => {
  const flights = new Flights<number>();
  const failing = async (_: AbortSignal, share: (mayBe: boolean) => void): Promise<number> => {
    share(true);
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw new Error("broken");
  };
  const all = [1, 2].map(() => flights.run("q", stay, failing).catch((error: Error) => error.message));
  expect(await Promise.all(all)).toEqual(["broken", "broken"]);
  expect(await flights.run("q", stay, async () => 1)).toEqual({ value: 1, shared: false });
});
