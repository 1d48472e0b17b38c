import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ServerExit } from "../embedded/server-process.ts";
import { keepRunning, type Child } from "./keep-running.ts";

/** A part whose end the test decides. */
function createPart() {
  const children: { child: Child; end: (exit: ServerExit) => void }[] = [];
  const start = (): Promise<Child> => {
    const exited = Promise.withResolvers<ServerExit>();
    const stop = (): Promise<void> => {
      exited.resolve({ code: 0, signal: null });
      return Promise.resolve();
    };
    const child = { pid: children.length + 1, exited: exited.promise, stop };
    children.push({ child, end: exited.resolve });
    return Promise.resolve(child);
  };
  return { start, children };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("starts a part that ended again, after a pause that grows to 5 s", async () => {
  const part = createPart();
  const lines: string[] = [];
  const kept = keepRunning({ name: "nats", start: part.start, report: (line) => lines.push(line) });
  await kept.started;
  for (let times = 1; times <= 8; times += 1) {
    part.children.at(-1)?.end({ code: null, signal: "SIGKILL" });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(part.children.length).toBe(times + 1);
  }
  expect(lines.map((line) => Number(/in (\d+) ms/.exec(line)?.[1]))).toEqual([
    100, 200, 400, 800, 1600, 3200, 5000, 5000,
  ]);
  expect(lines[0]).toBe("nats ended (SIGKILL), starting it again in 100 ms");
});

it("begins with the short pause again after 10 healthy seconds", async () => {
  const part = createPart();
  const lines: string[] = [];
  const kept = keepRunning({ name: "nats", start: part.start, report: (line) => lines.push(line) });
  await kept.started;
  part.children[0]?.end({ code: 1, signal: null });
  await vi.advanceTimersByTimeAsync(11_000);
  part.children[1]?.end({ code: 1, signal: null });
  await vi.advanceTimersByTimeAsync(100);
  expect(lines).toEqual([
    "nats ended (exit code 1), starting it again in 100 ms",
    "nats ended (exit code 1), starting it again in 100 ms",
  ]);
  expect(part.children.length).toBe(3);
});

it("fails when the first start fails, and does not try again", async () => {
  const start = vi.fn<() => Promise<Child>>().mockRejectedValue(new Error("no disk"));
  const kept = keepRunning({ name: "nats", start, report: () => {} });
  await expect(kept.started).rejects.toThrow("no disk");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(start).toHaveBeenCalledTimes(1);
  await kept.stop(0);
});

it("goes on trying when a later start fails", async () => {
  const part = createPart();
  const lines: string[] = [];
  let failures = 2;
  const kept = keepRunning({
    name: "nats",
    start: () => {
      if (part.children.length === 1 && failures-- > 0) return Promise.reject(new Error("port taken"));
      return part.start();
    },
    report: (line) => lines.push(line),
  });
  await kept.started;
  part.children[0]?.end({ code: 1, signal: null });
  await vi.advanceTimersByTimeAsync(700);
  expect(lines[1]).toBe("nats did not start (port taken), starting it again in 200 ms");
  expect(part.children.length).toBe(2);
});

it("does not start a part again that was stopped, also while it pauses", async () => {
  const part = createPart();
  const kept = keepRunning({ name: "nats", start: part.start, report: () => {} });
  await kept.started;
  await kept.stop(1_000);
  const second = keepRunning({ name: "nats", start: part.start, report: () => {} });
  await second.started;
  part.children[1]?.end({ code: 1, signal: null });
  await vi.advanceTimersByTimeAsync(50);
  await second.stop(1_000);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(part.children.length).toBe(2);
});
