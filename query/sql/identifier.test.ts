import { expect, it } from "vitest";
import { isReservedPath, quoteIdentifier } from "./identifier.ts";

/** Reads a backtick-quoted identifier as the store's lexer does; undefined when something follows it. */
function unquote(text: string): string | undefined {
  const names: Record<string, string> = { "0": "\0", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
  let name = "";
  if (!text.startsWith("`")) return undefined;
  for (let at = 1; at < text.length; at += 1) {
    const character = text[at] as string;
    if (character === "`") return at === text.length - 1 ? name : undefined;
    if (character === "\\") {
      at += 1;
      const escaped = text[at] as string;
      name += names[escaped] ?? escaped;
    } else name += character;
  }
  return undefined;
}

it("gives back every name, and nothing after it", () => {
  const alphabet = ["`", "\\", "'", '"', ";", "-", "\n", "\0", "a", " ", "é", "😀", "{", "}"];
  // All names of up to four of these characters: 41,370 of them.
  let names = [""];
  for (let length = 0; length < 4; length += 1) {
    names = names.flatMap((name) => alphabet.map((character) => name + character));
    for (const name of names) if (unquote(quoteIdentifier(name)) !== name) expect.fail(JSON.stringify(name));
  }
  expect(names).toHaveLength(alphabet.length ** 4);
});

it("knows the names that the JSON type reads as notation", () => {
  expect(["^`a`", "a.:`Int64`"].map(isReservedPath)).toEqual([true, true]);
  expect(["^a", "a.b", "a[]", "`", ":`x`"].map(isReservedPath)).toEqual([false, false, false, false, false]);
});
