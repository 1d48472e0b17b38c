import { gzipSync } from "node:zlib";
import lzString from "lz-string";
import { describe, expect, it } from "vitest";
import { PayloadDecoder } from "./decode-payload.ts";

const text = JSON.stringify({ event: "größe", distinct_id: "d", properties: { a: "+/=&%" } });
const base64 = Buffer.from(text).toString("base64");
const form = "application/x-www-form-urlencoded";
const decoder = new PayloadDecoder(10_000);

interface Case {
  name: string;
  body: string | Buffer;
  contentType?: string;
  encoding?: "gzip" | "br";
  query?: string;
}

const cases: Case[] = [
  { name: "JSON", body: text },
  { name: "gzip with a header", body: gzipSync(text), encoding: "gzip" },
  { name: "gzip without a header", body: gzipSync(text), contentType: "text/plain" },
  { name: "a header that a proxy forgot to take away", body: text, encoding: "gzip" },
  { name: "base64", body: base64 },
  { name: "base64 of gzip", body: gzipSync(text).toString("base64") },
  { name: "a form of JSON", body: `data=${encodeURIComponent(text)}`, contentType: form },
  {
    name: "a form of base64",
    body: `data=${encodeURIComponent(base64)}&compression=base64`,
    contentType: form,
  },
  { name: "a form whose plus signs were not escaped", body: `data=${base64}`, contentType: form },
  {
    name: "a form that does not say so",
    body: `data=${encodeURIComponent(text)}`,
    contentType: "text/plain",
  },
  { name: "JSON that says it is a form", body: text, contentType: form },
  { name: "lz-string", body: lzString.compressToBase64(text), query: "compression=lz64" },
  {
    name: "lz-string in a form",
    body: `data=${encodeURIComponent(lzString.compressToBase64(text))}&compression=lz64`,
    contentType: form,
  },
];

describe("payloads", () => {
  it.each(cases)("$name", async ({ body, contentType = "application/json", encoding, query = "" }) => {
    const hints = { contentType, encoding, query: new URLSearchParams(query) };
    expect((await decoder.decode(Buffer.from(body), hints)).text).toBe(text);
  });

  it.each([
    { name: "gzip", body: gzipSync("x".repeat(20_000)), query: "" },
    {
      name: "lz-string",
      body: Buffer.from(lzString.compressToBase64("x".repeat(20_000))),
      query: "compression=lz64",
    },
    { name: "base64 of gzip", body: Buffer.from(gzipSync("x".repeat(20_000)).toString("base64")), query: "" },
  ])("$name is bounded by what it becomes", async ({ body, query }) => {
    const hints = { contentType: "", encoding: undefined, query: new URLSearchParams(query) };
    await expect(decoder.decode(body, hints)).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
  });
});
