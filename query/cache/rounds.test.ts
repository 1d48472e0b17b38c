// Who gets which reading.
import { expect, it } from "vitest";
import { Rounds } from "./rounds.ts";

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("gives everybody a reading that began after they asked, and shares it", async () => {
  const rounds = new Rounds<number>();
  const ends: ((value: number) => void)[] = [];
  const read = (): Promise<number> => new Promise((resolve) => ends.push(resolve));
  const first = rounds.run("a", read);
  const later = [rounds.run("a", read), rounds.run("a", read)];
  const other = rounds.run("b", read);
  expect(ends).toHaveLength(2);
  ends[1]?.(20);
  expect(await other).toBe(20);
  ends[0]?.(1);
  expect(await first).toBe(1);
  await settled();
  expect(ends).toHaveLength(3);
  // While the second is under way: a third.
  const last = rounds.run("a", read);
  ends[2]?.(2);
  expect(await Promise.all(later)).toEqual([2, 2]);
  await settled();
  ends[3]?.(3);
  expect(await last).toBe(3);
  await settled();
  // Nothing is under way: at once.
  const again = rounds.run("a", read);
  expect(ends).toHaveLength(5);
  ends[4]?.(4);
  expect(await again).toBe(4);
});

it("reads again after a reading that failed", async () => {
  const rounds = new Rounds<number>();
  const failing = rounds.run("a", () => Promise.reject(new Error("away")));
  const next = rounds.run("a", async () => 1);
  await expect(failing).rejects.toThrow("away");
  expect(await next).toBe(1);
});

it("never gives a reading from before the question, whatever the timing", async () => {
  const rounds = new Rounds<number>();
  let stored = 0;
  const read = async (): Promise<number> => {
    const seen = stored;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    return seen;
  };
  const asking: Promise<void>[] = [];
  for (let step = 0; step < 400; step += 1) {
    const known = (stored += 1);
    asking.push(rounds.run("a", read).then((seen) => expect(seen).toBeGreaterThanOrEqual(known)));
    if (step % 3 === 0) await new Promise((resolve) => setTimeout(resolve, Math.random()));
  }
  await Promise.all(asking);
});
