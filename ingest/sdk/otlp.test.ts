import { describe, expect, it } from "vitest";
import { countFields, countMembers } from "./otlp.ts";

const levels = [
  { names: ["outer"], fields: [1] },
  { names: ["list", "one"], fields: [2, 5] },
];

/** A field with a length. */
function field(number: number, ...content: number[]): number[] {
  return [number * 8 + 2, content.length, ...content];
}

describe("countFields", () => {
  it.each([
    { name: "nothing", bytes: [], expected: 0 },
    {
      name: "two and one",
      bytes: [...field(1, ...field(2), ...field(5)), ...field(1, ...field(2))],
      expected: 3,
    },
    {
      name: "other fields of every kind",
      bytes: [8, 0x96, 1, 0x0d, 1, 2, 3, 4, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, ...field(3, 9)],
      expected: 0,
    },
    { name: "a number where a message belongs", bytes: [8, 1], expected: 0 },
  ])("$name", ({ bytes, expected }) => {
    expect(countFields(Uint8Array.from(bytes), levels)).toBe(expected);
  });

  it.each([
    { name: "a length beyond the end", bytes: [10, 5, 1] },
    { name: "half a tag", bytes: [0x80] },
    { name: "a number without an end", bytes: [8, ...Array.from({ length: 12 }, () => 0xff)] },
    { name: "an enormous length", bytes: [10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1] },
    { name: "a group", bytes: [11] },
    { name: "field 0", bytes: [2, 0] },
    { name: "JSON", bytes: [...Buffer.from('{"resourceLogs":[]}')] },
  ])("refuses $name", ({ bytes }) => {
    expect(() => countFields(Uint8Array.from(bytes), levels)).toThrow("protobuf");
  });

  it("ends for whatever bytes", () => {
    let state = 42;
    for (let round = 0; round < 2_000; round += 1) {
      const bytes = Uint8Array.from({ length: round % 40 }, () => {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
        return state >> 16;
      });
      try {
        expect(countFields(bytes, levels)).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toMatchObject({ code: "INVALID_BODY" });
      }
    }
  });
});

describe("countMembers", () => {
  it.each([
    { name: "nothing", value: {}, expected: 0 },
    { name: "lists, and one that is none", value: { outer: [{ list: [1, 2] }, { one: {} }] }, expected: 3 },
    { name: "something else", value: [{ outer: 1 }], expected: 0 },
    { name: "no object", value: null, expected: 0 },
  ])("$name", ({ value, expected }) => {
    expect(countMembers(value, levels)).toBe(expected);
  });
});
