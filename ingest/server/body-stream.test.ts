import { afterEach, expect, test, vi } from "vitest";
import { BodyStream, type BodyStreamLimits } from "./body-stream.ts";

const limits: BodyStreamLimits = { bytesMax: 64 * 1024 * 1024, idleMs: 1_000, deadlineMs: 10_000 };

afterEach(() => void vi.useRealTimers());

function open(change: Partial<BodyStreamLimits> = {}) {
  const source = {
    pauses: 0,
    resumes: 0,
    pause: () => void source.pauses++,
    resume: () => void source.resumes++,
  };
  return { source, body: new BodyStream(source, { ...limits, ...change }) };
}

function bytes(length: number, seed: number): ArrayBuffer {
  const made = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) made[at] = (at * 31 + seed * 7) & 0xff;
  return made.buffer;
}

test("gives the bytes that came, in order, though its memory is used again", async () => {
  const lengths = [1, 700_000, 0, 524_288, 3, 524_287, 1_300_000, 12];
  const sent = Buffer.concat(lengths.map((length, index) => Buffer.from(bytes(length, index))));
  const { body } = open();
  const received: Buffer[] = [];
  const reading = (async () => {
    for await (const piece of body) {
      // Whoever reads may take long before it is done with the bytes.
      await new Promise((resolve) => setImmediate(resolve));
      received.push(Buffer.from(piece));
    }
  })();
  for (const [index, length] of lengths.entries()) {
    const piece = bytes(length, index);
    body.take(piece, index === lengths.length - 1);
    // The server library takes its memory back.
    new Uint8Array(piece).fill(0);
    if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await reading;
  expect(Buffer.concat(received).equals(sent)).toBe(true);
});

test("two bodies at once do not share memory", async () => {
  const both = [open().body, open().body];
  const read = both.map(async (body) => {
    const pieces: Buffer[] = [];
    for await (const piece of body) {
      await new Promise((resolve) => setImmediate(resolve));
      pieces.push(Buffer.from(piece));
    }
    return Buffer.concat(pieces);
  });
  for (let round = 0; round < 12; round += 1) {
    for (const [index, body] of both.entries()) body.take(bytes(300_000, round * 2 + index), round === 11);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [index, received] of (await Promise.all(read)).entries()) {
    const sent = Array.from({ length: 12 }, (_, round) => Buffer.from(bytes(300_000, round * 2 + index)));
    expect(received.equals(Buffer.concat(sent))).toBe(true);
  }
});

test("holds the sender back while nobody reads, and lets it go on", async () => {
  const { body, source } = open();
  body.take(bytes(400_000, 1), false);
  expect(source.pauses).toBe(0);
  body.take(bytes(400_000, 2), false);
  expect(source).toMatchObject({ pauses: 1, resumes: 0 });
  const reader = body[Symbol.asyncIterator]();
  await reader.next();
  expect(source.resumes).toBe(1);
  body.destroy(new Error("over"));
});

test("a connection that was held back goes on once the body is whole, whether it is read or not", async () => {
  vi.useFakeTimers();
  const { body, source } = open();
  body.take(bytes(900_000, 1), false);
  body.take(bytes(100, 2), true);
  expect(source).toMatchObject({ pauses: 1, resumes: 1 });
  vi.advanceTimersByTime(60_000);
  let received = 0;
  for await (const piece of body) received += piece.length;
  vi.advanceTimersByTime(60_000);
  expect(received).toBe(900_100);
  expect(source).toMatchObject({ pauses: 1, resumes: 1 });
});

test("a silent sender is given up, but not while it is held back", async () => {
  vi.useFakeTimers();
  const { body } = open();
  body.take(bytes(900_000, 1), false);
  vi.advanceTimersByTime(5_000);
  const reader = body[Symbol.asyncIterator]();
  expect((await reader.next()).value).toHaveLength(524_288);
  expect((await reader.next()).value).toHaveLength(900_000 - 524_288);
  vi.advanceTimersByTime(1_000);
  await expect(reader.next()).rejects.toMatchObject({ code: "REQUEST_TIMEOUT" });
});

test("a sender that is never done is given up", async () => {
  vi.useFakeTimers();
  const { body } = open();
  const reader = body[Symbol.asyncIterator]();
  for (let second = 0; second < 10; second += 1) {
    body.take(bytes(10, second), false);
    vi.advanceTimersByTime(999);
    await reader.next();
  }
  vi.advanceTimersByTime(10);
  await expect(reader.next()).rejects.toMatchObject({ code: "REQUEST_TIMEOUT" });
});

test("a body that is too large fails, whatever was read before", async () => {
  const { body } = open({ bytesMax: 100 });
  body.take(bytes(100, 1), false);
  body.take(bytes(1, 2), true);
  await expect(body[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
});

test("a destroyed body wakes its reader and lets a held sender go", async () => {
  const { body, source } = open();
  const reader = body[Symbol.asyncIterator]();
  const next = reader.next();
  body.destroy(new Error("stopped"));
  await expect(next).rejects.toThrow("stopped");
  const held = open();
  held.body.take(bytes(600_000, 1), false);
  held.body.destroy(new Error("stopped"));
  expect(held.source.resumes).toBe(1);
  expect(source.resumes).toBe(0);
});
