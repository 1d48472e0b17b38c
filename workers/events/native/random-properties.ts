// Random event properties for tests and benchmarks: every shape JSON can have, with hostile keys and values.

/** Numbers in [0, 1) from a seed (mulberry32), so that a failing run can be repeated. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

const keys = [
  "revenue",
  "country",
  "plan",
  "url",
  "flag",
  "a",
  "A",
  "b",
  "",
  ".",
  "a.b",
  "a..b",
  "%",
  "%2e",
  "100%",
  'quote"quote',
  "back\\slash",
  "line\nbreak",
  "nul\u0000",
  "`tick`",
  "'",
  "😀",
  "ключ",
  "__proto__",
  "constructor",
  "toString",
  "0",
  "1",
  "-1",
  "1e3",
  "null",
  " ",
  "k".repeat(127),
  "k".repeat(1000),
] as const;

const strings = [
  "",
  "NL",
  "https://shop.example.com/products/1?utm_source=a",
  "x".repeat(127),
  "x".repeat(128),
  "é".repeat(64),
  "y".repeat(20_000),
  "😀👩‍👩‍👧",
  'say "hi"',
  "C:\\temp\\",
  "\\",
  "line\nbreak\ttab\r",
  "nul\u0000nul",
  "2026-01-01",
  "2026-01-01T00:00:00Z",
  "2026-01-01 00:00:00",
  "true",
  "12",
  "1e5",
  "null",
  "{}",
  "[1]",
  "\u2028\u2029",
  "\u007f\u0080\uffff",
] as const;

const numbers = [
  0,
  -0,
  1,
  -1,
  12,
  12.5,
  -0.1,
  0.1,
  0.30000000000000004,
  1e-7,
  123456.789,
  999_999_999_999_999,
  1_234_567_890_123_456,
  0.1234567890123456,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  -(2 ** 32) - 1,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 63),
  2 ** 64,
  1e20,
  1e21,
  1e308,
  -1e308,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  2.2250738585072014e-308,
] as const;

function randomScalar(random: Random): unknown {
  switch (Math.floor(random() * 8)) {
    case 0:
      return random() < 0.5;
    case 1:
      return null;
    case 2:
    case 3:
      return pick(random, numbers);
    case 4:
      return (random() - 0.5) * 10 ** Math.floor(random() * 20);
    default:
      return pick(random, strings);
  }
}

function randomArray(random: Random, depth: number): unknown[] {
  const length = Math.floor(random() * 4);
  const kind = Math.floor(random() * 6);
  return Array.from({ length }, () => {
    switch (kind) {
      case 0:
        return random() < 0.2 ? null : pick(random, strings);
      case 1:
        return random() < 0.2 ? null : pick(random, numbers);
      case 2:
        return random() < 0.2 ? null : random() < 0.5;
      case 3:
        return randomProperties(random, depth + 1);
      case 4:
        return randomArray(random, depth + 1);
      default:
        return randomValue(random, depth + 1);
    }
  });
}

function randomValue(random: Random, depth: number): unknown {
  const choice = random();
  if (depth > 4 || choice < 0.7) return randomScalar(random);
  return choice < 0.85 ? randomArray(random, depth) : randomProperties(random, depth + 1);
}

/** An object as an event could carry it; keys come from a small set, so that paths meet with several types. */
export function randomProperties(random: Random, depth = 0): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  const count = Math.floor(random() * 6);
  for (let index = 0; index < count; index += 1) {
    const key = random() < 0.8 ? pick(random, keys) : `key_${Math.floor(random() * 40)}`;
    // Assigning to __proto__ would set the prototype.
    Object.defineProperty(properties, key, {
      value: randomValue(random, depth),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return properties;
}
