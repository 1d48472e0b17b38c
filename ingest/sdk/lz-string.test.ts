import lzString from "lz-string";
import { expect, test } from "vitest";
import { decompressLzBase64 } from "./lz-string.ts";

const seed = Math.floor(Math.random() * 2 ** 31);

function createRandom(): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

test("reads what the library writes", () => {
  const event = JSON.stringify({ event: "e", properties: { text: "ü€😀", list: [1, 2, 3] } });
  const texts = ["", "a", "ab", "aa", "aaa", "a".repeat(10_000), "ü", "€€€€", event, event.repeat(500)];
  for (const text of texts) expect(decompressLzBase64(lzString.compressToBase64(text), 1e6)).toBe(text);
});

test(`reads what the library writes of random texts (seed ${seed})`, () => {
  const random = createRandom();
  for (let round = 0; round < 100; round += 1) {
    const letters = 1 + random(round % 2 === 0 ? 3 : 700);
    const text = String.fromCharCode(
      ...Array.from({ length: random(2_000) }, () => 1 + random(letters) * (1 + random(60))),
    );
    expect(decompressLzBase64(lzString.compressToBase64(text), 1e6)).toBe(text);
  }
});

test("stops at the bound", () => {
  const bomb = lzString.compressToBase64("a".repeat(300_000));
  expect(bomb.length).toBeLessThan(5_000);
  expect(() => decompressLzBase64(bomb, 299_999)).toThrow(
    expect.objectContaining({ code: "BODY_TOO_LARGE" }) as Error,
  );
  expect(decompressLzBase64(bomb, 300_000).length).toBe(300_000);
});

test(`damage is refused or read, and never hangs (seed ${seed})`, () => {
  const random = createRandom();
  const good = lzString.compressToBase64(JSON.stringify({ event: "e", properties: { a: "b".repeat(50) } }));
  let refused = 0;
  for (let round = 0; round < 2_000; round += 1) {
    const damaged = good.slice(0, random(good.length + 1)).split("");
    for (let index = random(4); index > 0; index -= 1)
      damaged[random(good.length)] = String.fromCharCode(random(200));
    try {
      decompressLzBase64(damaged.join(""), 10_000);
    } catch (error) {
      expect((error as { code: string }).code).toMatch(/^(MALFORMED_COMPRESSION|BODY_TOO_LARGE)$/);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(100);
});
