import { describe, expect, it } from "vitest";
import { randomFrom, randomProperties } from "../native/random-properties.ts";
import { JsonStrings } from "./json-strings.ts";

const wanted = { url: 0, $referrer: 1, page: { url: 2, deep: { x: 3 } } };

function read(text: string): string[] {
  const found = ["", "", "", ""];
  new JsonStrings(wanted).read(text, found);
  return found;
}

describe("string members", () => {
  const cases: { name: string; text: string; found: string[] }[] = [
    { name: "none", text: "{}", found: ["", "", "", ""] },
    { name: "at the top", text: '{"a":1,"url":"u","$referrer":"r"}', found: ["u", "r", "", ""] },
    { name: "inside", text: '{"page":{"url":"p","deep":{"x":"d"}},"url":"u"}', found: ["u", "", "p", "d"] },
    { name: "not inside others", text: '{"x":{"url":"no"},"y":[{"url":"no"}]}', found: ["", "", "", ""] },
    { name: "not of other types", text: '{"url":1,"$referrer":null,"page":"x"}', found: ["", "", "", ""] },
    {
      name: "an object instead of a string",
      text: '{"url":{"url":"no"},"$referrer":"r"}',
      found: ["", "r", "", ""],
    },
    { name: "not inside strings", text: '{"a":"\\"url\\":\\"no\\"","url":"u"}', found: ["u", "", "", ""] },
    { name: "escapes", text: '{"a\\\\":"\\\\","url":"a\\"b\\u0041\\\\"}', found: ['a"bA\\', "", "", ""] },
    {
      name: "spaces",
      text: ' { "url" : "u" , "b" : true , "page" : { "url" : "p" } } ',
      found: ["u", "", "p", ""],
    },
    {
      name: "behind every kind of value",
      text: '{"a":[1,"]",{"}":[]}],"b":-1e5,"url":"u"}',
      found: ["u", "", "", ""],
    },
  ];
  it.each(cases)("$name", ({ text, found }) => {
    expect(read(text)).toEqual(found);
  });

  const seed = Math.floor(Math.random() * 2 ** 32);
  it(`as JSON.parse sees them in random objects (seed ${seed})`, () => {
    const random = randomFrom(seed);
    for (let round = 0; round < 500; round += 1) {
      const value = randomProperties(random);
      if (random() < 0.5) value["page"] = { ...randomProperties(random), url: 'é"\\' };
      const text = JSON.stringify(value, null, random() < 0.3 ? 2 : undefined);
      const page = value["page"] as Record<string, unknown> | undefined;
      const expected = [value["url"], value["$referrer"], page?.["url"]].map((each) =>
        typeof each === "string" ? each : "",
      );
      expect(read(text).slice(0, 3)).toEqual(expected);
    }
  });

  it(`of any part of a text, without throwing or hanging (seed ${seed})`, () => {
    const random = randomFrom(seed);
    for (let round = 0; round < 2000; round += 1) {
      const text = JSON.stringify({ ...randomProperties(random, 3), url: 'a"b', page: { url: "p" } });
      const from = Math.floor(random() * text.length * 0.1);
      const broken = text.slice(from, from + Math.floor(random() * text.length));
      expect(read(broken)).toHaveLength(4);
    }
  });
});
