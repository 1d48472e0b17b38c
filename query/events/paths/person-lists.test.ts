import { expect, it } from "vitest";
import { RandomSource } from "../../testing/random-source.ts";
import { PersonLists } from "./person-lists.ts";

/** A list as the store writes it (RowBinary). */
function encode(keys: readonly bigint[]): Buffer {
  const length: number[] = [];
  let rest = keys.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  const bytes = Buffer.alloc(keys.length * 8);
  keys.forEach((key, index) => bytes.writeBigUInt64LE(key, index * 8));
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

it("reads every list, wherever the chunks are cut, up to the highest numbers", () => {
  const random = new RandomSource(7);
  const people = [0, 1, 127, 128, 3000, 2, 17_000].map((count) =>
    random.times(count, () => ({
      // 500 years; the last name.
      ms: random.pick([0, 4095, 4096, 2 ** 44 - 1, random.below(2 ** 43)]),
      name: random.pick([0, 1, 2 ** 19 - 1]),
      anchor: random.pick([0, 1]),
    })),
  );
  const bytes = Buffer.concat(
    people.map((events) =>
      encode(events.map(({ ms, name, anchor }) => BigInt(ms) * 2n ** 20n + BigInt(name * 2 + (1 - anchor)))),
    ),
  );
  for (const chunkBytes of [1, 7, 1000, bytes.length]) {
    const read: object[][] = [];
    const lists = new PersonLists(({ count, ms, names, anchors }) => {
      read.push(
        Array.from({ length: count }, (_, index) => ({
          ms: ms[index],
          name: names[index],
          anchor: anchors[index],
        })),
      );
    });
    for (let at = 0; at < bytes.length; at += chunkBytes) lists.push(bytes.subarray(at, at + chunkBytes));
    lists.end();
    expect(read).toEqual(people);
    expect(lists.events).toBe(people.flat().length);
  }
});

it("refuses an answer that ends early", () => {
  const lists = new PersonLists(() => {});
  lists.push(encode([1n, 2n]).subarray(0, 12));
  expect(() => lists.end()).toThrow("ends early");
});
