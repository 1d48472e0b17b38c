// Requests that nobody sends by mistake: for each operation of the interface, addresses, parameters and bodies that are
// nearly right, wrong, or no text at all. Made from the contracts, so that a new operation is met by them at once.
import type { TSchema } from "@sinclair/typebox";
import type { Operation } from "#schemas/operations/operation.ts";

export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly contentType: string | undefined;
}

/** A whole number from 0 to `below` - 1. */
type Draw = (below: number) => number;

const depthMax = 6;
const longText = "x".repeat(70_000);
const texts: readonly string[] = [
  "",
  " ",
  "a",
  "order_placed",
  "\0",
  "a\0b",
  "\ud800",
  "💥".repeat(60),
  "../../etc/passwd",
  "%00%ff",
  "'; DROP TABLE projects; --",
  "<script>alert(1)</script>",
  "{{7*7}}${7*7}",
  "__proto__",
  "constructor",
  "undefined",
  "9999-99-99",
  "-271821-04-20T00:00:00Z",
  "+275760-09-13T00:00:00Z",
  "2026-11-01",
  "2026-11-20T10:00:00Z",
  "Europe/Amsterdam",
  "(a+)+$",
  "http://127.0.0.1:1/",
  "javascript:alert(1)",
  longText,
];
const numbers: readonly number[] = [
  0,
  1,
  -1,
  2,
  7,
  0.5,
  -0,
  1e-320,
  1e308,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  1_000_000,
];

export function makeHostile(operation: Operation, draw: Draw): HostileRequest {
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)] as T;
  const segment = (): string => encodeLoosely(pick(texts).slice(0, 2_000), draw);
  const parameters = (operation.parameters ?? []).filter(({ in: place }) => place === "query");
  const query = parameters
    .filter(() => draw(3) > 0)
    .map(({ name, schema }) => {
      const value = draw(3) === 0 ? pick(texts).slice(0, 2_000) : toText(valueOf(schema, draw, 0));
      return `${name}=${encodeLoosely(value, draw)}`;
    });
  if (draw(10) === 0) query.push(`${segment()}=${segment()}`);
  const path = operation.path.replaceAll(/\{\w+\}/g, segment);
  return {
    method: operation.method,
    path: query.length === 0 ? path : `${path}?${query.join("&")}`,
    ...makeBody(operation, draw),
  };
}

function makeBody(operation: Operation, draw: Draw): Pick<HostileRequest, "body" | "contentType"> {
  const contracts = Object.entries(operation.body ?? {});
  if (operation.method === "GET" || contracts.length === 0)
    return { body: undefined, contentType: undefined };
  const [contentType, contract] = contracts[draw(contracts.length)] as [string, TSchema];
  const form = draw(12);
  if (form === 0) return { body: encode(""), contentType };
  if (form === 1) return { body: randomBytes(draw(3_000), draw), contentType };
  if (form === 2) return { body: encode(`${"[".repeat(20_000)}${"]".repeat(20_000)}`), contentType };
  const value = contract.type === undefined && draw(2) === 0 ? anything(draw, 0) : valueOf(contract, draw, 0);
  const text = toText(form < 8 ? spoil(value, draw) : value);
  if (form === 3) return { body: encode(text.slice(0, draw(text.length + 1))), contentType };
  if (form === 4) return { body: flipByte(encode(text), draw), contentType };
  if (form === 5) return { body: encode(text), contentType: "text/x-unknown" };
  return { body: encode(text), contentType };
}

/** Something that keeps to the contract, more or less. */
function valueOf(contract: TSchema, draw: Draw, depth: number): unknown {
  const schema = contract as TSchema & Record<string, unknown>;
  if (depth > depthMax) return null;
  if ("const" in schema) return schema["const"];
  const choices = (schema["anyOf"] ?? schema["oneOf"] ?? schema["allOf"]) as TSchema[] | undefined;
  if (choices !== undefined && choices.length > 0) {
    return valueOf(choices[draw(choices.length)] as TSchema, draw, depth);
  }
  if (Array.isArray(schema["enum"])) return schema["enum"][draw(schema["enum"].length)];
  switch (schema["type"]) {
    case "object": {
      const members = Object.entries((schema["properties"] ?? {}) as Record<string, TSchema>);
      const required = new Set((schema["required"] ?? []) as string[]);
      const made = members
        .filter(([name]) => required.has(name) || draw(3) === 0)
        .map(([name, member]) => [name, valueOf(member, draw, depth + 1)] as const);
      return Object.fromEntries(made);
    }
    case "array": {
      const least = Math.min(Number(schema["minItems"] ?? 0), 3);
      const items = (schema["items"] ?? {}) as TSchema;
      return Array.from({ length: least + draw(3) }, () => valueOf(items, draw, depth + 1));
    }
    case "string":
      return texts[draw(texts.length)];
    case "integer":
    case "number": {
      const minimum = Number(schema["minimum"] ?? 0);
      return draw(3) === 0 ? numbers[draw(numbers.length)] : minimum + draw(20);
    }
    case "boolean":
      return draw(2) === 0;
    case "null":
      return null;
    default:
      return anything(draw, depth + 1);
  }
}

function anything(draw: Draw, depth: number): unknown {
  const kind = draw(depth > depthMax ? 4 : 6);
  if (kind === 0) return null;
  if (kind === 1) return draw(2) === 0;
  if (kind === 2) return numbers[draw(numbers.length)];
  if (kind === 3) return texts[draw(texts.length)];
  if (kind === 4) return Array.from({ length: draw(4) }, () => anything(draw, depth + 1));
  return Object.fromEntries(
    Array.from({ length: draw(4) }, () => [texts[draw(texts.length)], anything(draw, depth + 1)]),
  );
}

/** One place of the value becomes something else. */
function spoil(value: unknown, draw: Draw): unknown {
  if (typeof value !== "object" || value === null || draw(4) === 0) return anything(draw, depthMax - 2);
  if (Array.isArray(value)) {
    if (value.length === 0 || draw(6) === 0) return Array.from({ length: 2_000 }, () => value[0] ?? null);
    const at = draw(value.length);
    return value.map((each: unknown, index) => (index === at ? spoil(each, draw) : each));
  }
  const names = Object.keys(value);
  const members = { ...(value as Record<string, unknown>) };
  const name = names[draw(names.length)];
  const form = draw(8);
  if (name === undefined || form === 0) {
    members[texts[draw(texts.length)] as string] = anything(draw, depthMax - 1);
  } else if (form === 1) {
    delete members[name];
  } else {
    members[name] = spoil(members[name], draw);
  }
  return members;
}

function toText(value: unknown): string {
  if (typeof value === "string" && value.length < 2_000) return JSON.stringify(value).slice(1, -1);
  return JSON.stringify(value) ?? "";
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function randomBytes(length: number, draw: Draw): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => draw(256));
}

function flipByte(bytes: Uint8Array<ArrayBuffer>, draw: Draw): Uint8Array<ArrayBuffer> {
  if (bytes.length > 0) bytes[draw(bytes.length)] = draw(256);
  return bytes;
}

/** Usually as an address must be written; sometimes escapes that are no text. */
function encodeLoosely(text: string, draw: Draw): string {
  if (draw(12) === 0) return "%ff%fe%c3%28";
  return encodeURIComponent(text.toWellFormed()) || "%20";
}
