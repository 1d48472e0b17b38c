import { pino } from "pino";
import { afterEach, expect, test, vi } from "vitest";
import { Lanes, type LanesOptions } from "./lanes.ts";

const log = pino({ level: "silent" });
const running: Lanes<string>[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(running.splice(0).map((lanes) => lanes.stop()));
});

function start(options: Partial<LanesOptions<string>>): Lanes<string> {
  const lanes = new Lanes<string>({
    lanes: 1,
    claim: async () => undefined,
    work: async () => {},
    trouble: "no claim",
    log,
    ...options,
  });
  running.push(lanes);
  lanes.start();
  return lanes;
}

test("a lane goes on at once as long as there is work", async () => {
  let left = 100;
  const done = Promise.withResolvers<void>();
  start({
    idleMs: 1_000_000,
    claim: async () => {
      if (left === 0) done.resolve();
      return left === 0 ? undefined : "piece";
    },
    work: async () => {
      left -= 1;
    },
  });
  await done.promise;
  expect(left).toBe(0);
});

test("an idle lane looks when it is woken", async () => {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let looks = 0;
  const lanes = start({
    idleMs: 1_000_000,
    claim: async () => {
      looks += 1;
      (looks === 1 ? first : second).resolve();
      return undefined;
    },
  });
  await first.promise;
  lanes.wake();
  await second.promise;
  expect(looks).toBe(2);
});

test("several lanes work at the same time, though only one of them looks", async () => {
  const all = Promise.withResolvers<void>();
  let under = 0;
  let due = 0;
  const lanes = start({
    lanes: 3,
    idleMs: 1_000_000,
    claim: async () => (due > 0 ? ((due -= 1), "piece") : undefined),
    work: async () => {
      under += 1;
      if (under === 3) all.resolve();
      await all.promise;
    },
  });
  due = 3;
  lanes.wake();
  await all.promise;
  expect(under).toBe(3);
});

test("idle lanes do not all look", async () => {
  vi.useFakeTimers();
  let looks = 0;
  const lanes = start({
    lanes: 8,
    idleMs: 1_000,
    claim: async () => {
      looks += 1;
      return undefined;
    },
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(looks).toBe(8);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(looks).toBe(11);
  lanes.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(looks).toBe(19);
});

test("a lane that cannot claim tries again", async () => {
  let tries = 0;
  const third = Promise.withResolvers<void>();
  start({
    idleMs: 1,
    claim: async () => {
      tries += 1;
      if (tries === 3) third.resolve();
      throw new Error("the store is away");
    },
  });
  await third.promise;
  expect(tries).toBe(3);
});

test("a stop aborts the work under way and waits for it", async () => {
  const begun = Promise.withResolvers<void>();
  let ended = false;
  const lanes = start({
    claim: async () => "piece",
    work: async (_piece, signal) => {
      begun.resolve();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      ended = true;
      throw new Error("stopped half-way");
    },
  });
  await begun.promise;
  await lanes.stop();
  expect(ended).toBe(true);
});
