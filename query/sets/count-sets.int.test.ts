// Counts over sets as the store sends them, of every shape of container, against plain sets.
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { countOverlaps, countTimes } from "./count-sets.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
}, 60_000);
afterAll(() => database?.drop());

/** Sets by their numbers as SQL: small ones, lists, bits, runs, several containers, the highest numbers, nobody. */
const sources = [
  "SELECT toUInt32(number * 7) AS id FROM numbers(20)",
  "SELECT toUInt32(number * 3) AS id FROM numbers(3000)",
  "SELECT toUInt32(number * 2) AS id FROM numbers(60000)",
  "SELECT toUInt32(number + 10) AS id FROM numbers(150000)",
  "SELECT toUInt32(number * 40000 + 21) AS id FROM numbers(31)",
  "SELECT toUInt32(number) AS id FROM numbers(0)",
  "SELECT toUInt32(4294967295 - number * 5) AS id FROM numbers(100000)",
  "SELECT toUInt32(sipHash64(number) % 300000) AS id FROM numbers(50000)",
  "SELECT toUInt32(number * 65536) AS id FROM numbers(200)",
] as const;

async function read(): Promise<{ bytes: Uint8Array; sets: Set<number>[] }> {
  const rows = sources.map(
    (source, index) => `SELECT toInt32(${index}) AS place, groupBitmapState(id) AS people FROM (${source})`,
  );
  const result = await database.clickhouse.exec({
    query: `SELECT place, people FROM (${rows.join(" UNION ALL ")}) FORMAT RowBinary`,
  });
  const chunks: Buffer[] = [];
  for await (const chunk of result.stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const sets: Set<number>[] = [];
  for (const source of sources) {
    const answer = await database.clickhouse.query({ query: source, format: "TabSeparated" });
    const lines = (await answer.text()).split("\n").filter((line) => line !== "");
    sets.push(new Set(lines.map(Number)));
  }
  return { bytes: new Uint8Array(Buffer.concat(chunks)), sets };
}

const shared = (one: Set<number>, other: Set<number>): number =>
  [...one].filter((each) => other.has(each)).length;
const count = sources.length;
const parts = (of: number): { index: number; of: number }[] =>
  Array.from({ length: of }, (_, index) => ({ index, of }));
const sum = (lists: readonly Uint32Array[]): number[] =>
  Array.from(lists[0] as Uint32Array, (_, at) => lists.reduce((all, list) => all + (list[at] as number), 0));

it.each([1, 3])("agree with plain sets, in parts: %i", async (of) => {
  const { bytes, sets } = await read();
  const places = Array.from({ length: count }, (_, place) => place);

  // Each set as row 0, so that it is compared with every other one.
  const members = withGroup(bytes);
  const overlaps = parts(of).map((part) => countOverlaps({ members, others: bytes, count, part }));
  const order = [...(overlaps[0]?.groups ?? [])];
  expect(sum(overlaps.map(({ sizes }) => sizes))).toEqual(order.map((group) => sets[group]?.size));
  expect(sum(overlaps.map((each) => each.shared))).toEqual(
    order.flatMap((group) =>
      places.map((place) =>
        place === 0 ? 0 : shared(sets[group] as Set<number>, sets[place] as Set<number>),
      ),
    ),
  );

  const times = sum(parts(of).map((part) => countTimes({ sets: bytes, numbers: 1, part })));
  const everybody = new Map<number, number>();
  for (const set of sets) for (const person of set) everybody.set(person, (everybody.get(person) ?? 0) + 1);
  const expectedTimes = new Array<number>(count + 1).fill(0);
  for (const many of everybody.values()) expectedTimes[many] = (expectedTimes[many] as number) + 1;
  expect(times).toEqual(expectedTimes);
});

it("compares rows with the later ones of themselves", async () => {
  const { bytes, sets } = await read();
  const { rows, shared: counts } = countOverlaps({
    members: withGroup(bytes, true),
    others: undefined,
    count,
    part: { index: 0, of: 1 },
  });
  rows.forEach((row, index) => {
    for (let other = 0; other < count; other += 1) {
      const expected = other <= row ? 0 : shared(sets[row] as Set<number>, sets[other] as Set<number>);
      expect(counts[index * count + other], `${row} and ${other}`).toBe(expected);
    }
  });
});

/** Puts a second number into each row: [place, 0], or [0, place]. Rows are found by reading their sets' lengths. */
function withGroup(bytes: Uint8Array, placeLast = false): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: Uint8Array[] = [];
  const zero = new Uint8Array(4);
  for (let at = 0; at < bytes.length;) {
    const place = bytes.subarray(at, at + 4);
    let end = at + 5;
    if (bytes[at + 4] === 0) end += 1 + 4 * view.getUint8(end);
    else {
      let length = 0;
      let factor = 1;
      for (; (bytes[end] as number) > 127; end += 1, factor *= 128)
        length += ((bytes[end] as number) & 127) * factor;
      length += (bytes[end] as number) * factor;
      end += 1 + length;
    }
    pieces.push(...(placeLast ? [zero, place] : [place, zero]), bytes.subarray(at + 4, end));
    at = end;
  }
  return new Uint8Array(Buffer.concat(pieces));
}
