// Archives in a bucket, against a real store.
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startObjectStore, type ObjectStore } from "#ops/testing/object-store.ts";
import { createS3Place, parseS3Address } from "./s3-place.ts";

let store: ObjectStore;
const { signal } = new AbortController();

beforeAll(async () => {
  store = await startObjectStore();
}, 120_000);

afterAll(async () => {
  await store.stop();
});

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

it.each([
  ["nothing", 0],
  ["a little", 1000],
  ["one part exactly", 16 * 1024 * 1024],
  ["several parts", 40 * 1024 * 1024 + 17],
])("writes, replaces and reads %s", async (name, size) => {
  const place = createS3Place(parseS3Address(store.url));
  const path = `archives/project/${name} (1)+ü.parquet`;
  for (const bytes of [randomBytes(10), randomBytes(size)]) {
    const written = await place.write(path, pieces(bytes, 1_000_003), signal);
    expect(written).toEqual({
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    expect((await readAll(place.read(path, signal))).equals(bytes)).toBe(true);
  }
  expect((await store.list()).length).toBe(1);
  await place.remove(path);
  await place.remove(path);
  expect(await store.list()).toEqual([]);
  await expect(readAll(place.read(path, signal))).rejects.toThrow("404");
});

it("leaves nothing of a file whose source breaks off", async () => {
  const place = createS3Place(parseS3Address(store.url));
  const breaking = async function* (): AsyncGenerator<Uint8Array> {
    yield randomBytes(40 * 1024 * 1024);
    throw new Error("the source is gone");
  };
  await expect(place.write("broken.parquet", breaking(), signal)).rejects.toThrow("the source is gone");
  expect(await store.list()).toEqual([]);
});

it("says that a key is wrong", async () => {
  const place = createS3Place({ ...parseS3Address(store.url), secretKey: "another" });
  await expect(place.write("x", pieces(randomBytes(10), 5), signal)).rejects.toThrow("403");
});

it("wants a key and a bucket", () => {
  expect(() => parseS3Address("http://127.0.0.1:1/bucket")).toThrow("key");
  expect(() => parseS3Address("http://k:s@127.0.0.1:1/")).toThrow("bucket");
  expect(parseS3Address("https://k%2F:s@h/b/f/?region=eu")).toEqual({
    endpoint: "https://h",
    prefix: "b/f",
    accessKey: "k/",
    secretKey: "s",
    region: "eu",
  });
});
