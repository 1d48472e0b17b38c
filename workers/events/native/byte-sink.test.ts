import { describe, expect, it } from "vitest";
import { ByteSink } from "./byte-sink.ts";

function written(write: (sink: ByteSink) => void): Buffer {
  const sink = new ByteSink(1);
  write(sink);
  return sink.bytes.subarray(0, sink.length);
}

describe("strings", () => {
  const cases: { name: string; text: string; length: string; bytes?: string }[] = [
    { name: "empty", text: "", length: "00" },
    { name: "short", text: "abc", length: "03" },
    { name: "one byte of length left", text: "x".repeat(127), length: "7f" },
    { name: "two bytes of length", text: "x".repeat(128), length: "8001" },
    { name: "longest with two bytes", text: "x".repeat(16_383), length: "ff7f" },
    { name: "three bytes of length", text: "x".repeat(16_384), length: "808001" },
    { name: "four bytes of length", text: "x".repeat(2 ** 21), length: "80808001" },
    { name: "more bytes than units, same length of the length", text: "é", length: "02" },
    { name: "more bytes than units need a longer length", text: "é".repeat(127), length: "fe01" },
    { name: "more bytes than units, far longer", text: "한".repeat(100), length: "ac02" },
    { name: "a pair of surrogates", text: "😀", length: "04" },
    { name: "a lone surrogate becomes U+FFFD", text: "a\ud800b", length: "05", bytes: "61efbfbd62" },
    { name: "a lone surrogate in a long string", text: `${"x".repeat(126)}\udc00`, length: "8101" },
  ];
  it.each(cases)("$name", ({ text, length, bytes }) => {
    const expected = bytes ?? Buffer.from(text).toString("hex");
    expect(written((sink) => sink.writeString(text)).toString("hex")).toBe(length + expected);
  });

  it("keeps what was written before when it grows", () => {
    const bytes = written((sink) => {
      for (let index = 0; index < 300; index += 1) sink.writeString(String(index));
    });
    const expected = Array.from(
      { length: 300 },
      (_, index) => `${String.fromCharCode(String(index).length)}${index}`,
    );
    expect(bytes.toString()).toBe(expected.join(""));
  });
});

describe("strings whose bytes came first", () => {
  it.each([0, 1, 127, 128, 16_383, 16_384])("of %i bytes get their length in front", (length) => {
    const text = "y".repeat(length);
    const bytes = written((sink) => {
      sink.writeByte(7);
      sink.reserve(length + 5);
      sink.bytes.write(text, sink.length + 1);
      sink.finishString(sink.length + 1 + length);
      sink.writeByte(8);
    });
    const expected = written((sink) => {
      sink.writeByte(7);
      sink.writeString(text);
      sink.writeByte(8);
    });
    expect(bytes.equals(expected)).toBe(true);
  });
});

describe("numbers", () => {
  it.each([
    [0, "0000000000000000"],
    [1, "0100000000000000"],
    [2 ** 32 - 1, "ffffffff00000000"],
    [2 ** 32, "0000000001000000"],
    [Number.MAX_SAFE_INTEGER, "ffffffffffff1f00"],
  ])("%i as 64 bits", (value, hex) => {
    expect(written((sink) => sink.writeUint64(value)).toString("hex")).toBe(hex);
  });
});
