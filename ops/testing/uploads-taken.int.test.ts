// Files that are taken: what becomes of each row, from the request to the log.
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { mebibyte, startUploadBed, type UploadBed } from "./upload-bed.ts";

let bed: UploadBed;
beforeAll(async () => {
  bed = await startUploadBed();
});
afterAll(async () => {
  await bed.close();
});

const properties = (events: readonly LogEvent[]): unknown[] =>
  events.map((event) => JSON.parse(event.properties));

describe("files that are taken", () => {
  const cases: {
    name: string;
    parameters?: Record<string, string>;
    body: string | Buffer;
    headers?: Record<string, string>;
    expected: { users: string[]; properties: unknown[]; errors?: [number, string][] };
  }[] = [
    {
      name: "quoted line breaks, CRLF and a byte order mark",
      body: '\ufeffuser_id,note,n\r\nu1,"one\r\ntwo, ""three""",1\r\n\r\nu2,plain,2\r\n',
      expected: {
        users: ["u1", "u2"],
        properties: [
          { note: 'one\r\ntwo, "three"', n: 1 },
          { note: "plain", n: 2 },
        ],
      },
    },
    {
      name: "semicolons, found by themselves",
      body: "user_id;price;name\nu1;1,5;a\nu2;2,5;b\n",
      expected: {
        users: ["u1", "u2"],
        properties: [
          { price: "1,5", name: "a" },
          { price: "2,5", name: "b" },
        ],
      },
    },
    {
      name: "tabs that are declared",
      parameters: { delimiter: "tab" },
      body: "user_id\tname\nu1\ta,b\n",
      expected: { users: ["u1"], properties: [{ name: "a,b" }] },
    },
    {
      name: "Latin-1",
      parameters: { charset: "latin1" },
      body: Buffer.from("user_id,ort\nu1,Köln\n", "latin1"),
      expected: { users: ["u1"], properties: [{ ort: "Köln" }] },
    },
    {
      name: "UTF-16 by its mark",
      body: Buffer.from("\ufeffuser_id,ort\nu1,Żary 🌲\n", "utf16le"),
      expected: { users: ["u1"], properties: [{ ort: "Żary 🌲" }] },
    },
    {
      name: "a gzipped file",
      body: gzipSync("user_id,n\nu1,1\n"),
      expected: { users: ["u1"], properties: [{ n: 1 }] },
    },
    {
      name: "a compressed body",
      body: gzipSync("user_id,n\nu1,1\n"),
      headers: { "content-encoding": "gzip" },
      expected: { users: ["u1"], properties: [{ n: 1 }] },
    },
    {
      name: "types inferred per value: what would lose a digit stays text",
      body: "user_id,v\nu1,007\nu2,-1.50\nu3,TRUE\nu4,12345678901234567890\nu5,12E4\nu6,\nu7,0\n",
      expected: {
        users: ["u1", "u2", "u3", "u4", "u5", "u6", "u7"],
        properties: [
          { v: "007" },
          { v: -1.5 },
          { v: true },
          { v: "12345678901234567890" },
          { v: "12E4" },
          {},
          { v: 0 },
        ],
      },
    },
    {
      name: "declared types, and a row that breaks them",
      parameters: { types: "code:string,price:number,note:ignore" },
      body: "user_id,code,price,note\nu1,12,1e3,x\nu2,13,cheap,y\n",
      expected: {
        users: ["u1"],
        properties: [{ code: "12", price: 1000 }],
        errors: [[3, "VALUE_TYPE_MISMATCH"]],
      },
    },
    {
      name: "ragged rows and stray quotes, each by its line",
      body: 'user_id,a\nu1,1\nu2\nu3,3,3\nu4,"x"y\nu5,5\n"u6,6\nu7,7\n,8\nundefined,9\n',
      expected: {
        users: ["u1", "u5", "u7"],
        properties: [{ a: 1 }, { a: 5 }, { a: 7 }],
        errors: [
          [3, "COLUMNS_MISMATCH"],
          [4, "COLUMNS_MISMATCH"],
          [5, "RECORD_MALFORMED"],
          [7, "RECORD_MALFORMED"],
          [9, "USER_MISSING"],
          [10, "USER_ID_INVALID"],
        ],
      },
    },
    {
      name: "a line that is not UTF-8",
      body: Buffer.concat([
        Buffer.from("user_id,a\nu1,1\nu2,"),
        Buffer.from([0xe9]),
        Buffer.from("\nu3,3\n"),
      ]),
      expected: { users: ["u1", "u3"], properties: [{ a: 1 }, { a: 3 }], errors: [[3, "INVALID_ENCODING"]] },
    },
    {
      name: "a line of a megabyte among others",
      body: `user_id,a\nu1,1\nu2,${"x".repeat(mebibyte)}\nu3,3\n`,
      expected: { users: ["u1", "u3"], properties: [{ a: 1 }, { a: 3 }], errors: [[3, "RECORD_TOO_LARGE"]] },
    },
    {
      name: "NDJSON of plain events",
      parameters: { format: "ndjson", event: "" },
      body: '{"event":"NAME","user_id":"u1","properties":{"a":1}}\n\n{"event":"NAME"}\n{oops\n{"event":"NAME","user_id":"u2"}',
      expected: {
        users: ["u1", "u2"],
        properties: [{ a: 1 }, {}],
        errors: [
          [3, "USER_MISSING"],
          [4, "MALFORMED_JSON"],
        ],
      },
    },
    {
      name: "NDJSON nested deeper than any stack",
      parameters: { format: "ndjson", event: "", dedupe: "rows" },
      body: `{"event":"NAME","user_id":"u1","properties":{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}}\n{"event":"NAME","user_id":"u2"}\n[1]\nnull\n`,
      expected: {
        users: ["u2"],
        properties: [{}],
        errors: [
          [1, "EVENT_TOO_DEEP"],
          [3, "EVENT_NOT_AN_OBJECT"],
          [4, "EVENT_NOT_AN_OBJECT"],
        ],
      },
    },
    {
      name: "NDJSON of flat rows",
      parameters: { format: "ndjson", user_column: "uid" },
      body: '{"uid":17,"a":"01","b":null,"c":{"d":[1]}}\n',
      expected: { users: ["17"], properties: [{ a: "01", c: { d: [1] } }] },
    },
    {
      name: "a JSON array over several lines",
      parameters: { format: "json", event: "" },
      body: '[\n {"event":"NAME","user_id":"u1","properties":{"t":"],}\\""}},\n 5,\n {"event":"NAME","user_id":"u2"}\n]\n',
      expected: {
        users: ["u1", "u2"],
        properties: [{ t: '],}"' }, {}],
        errors: [[3, "EVENT_NOT_AN_OBJECT"]],
      },
    },
  ];

  test.each(cases.map((each, index) => ({ ...each, index })))("$name", async ({ index, ...given }) => {
    const event = `taken_${index}`;
    const parameters: Record<string, string> = { format: "csv", event, ...given.parameters };
    if (parameters["event"] === "") delete parameters["event"];
    const body = typeof given.body === "string" ? given.body.replaceAll("NAME", event) : given.body;
    const upload = await bed.finish(await bed.send(parameters, body, given.headers));
    const { users, errors = [] } = given.expected;
    expect(upload).toMatchObject({
      state: "done",
      failure: null,
      rows: users.length + errors.length,
      accepted: users.length,
      rejected: errors.length,
    });
    expect(upload.errors.map(({ line, code }) => [line, code])).toEqual(errors);
    const lines = await bed.rejects(upload.upload_id);
    expect(lines[0]).toBe("line,code,message");
    expect(lines.slice(1).map((line) => line.split(",").slice(0, 2))).toEqual(
      errors.map(([line, code]) => [String(line), code]),
    );
    const events = await bed.eventsNamed(event);
    expect(events.map(({ user_id }) => user_id)).toEqual(users);
    expect(properties(events)).toEqual(given.expected.properties);
    expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(events.length);
  });

  test("times in the declared format; what is no time says so", async () => {
    const body = "user_id,at\nu1,01/12/2010 8:26\nu2,31/02/2011 10:00\nu3,2011-01-01\nu4,\n";
    const upload = await bed.finish(
      await bed.send(
        { format: "csv", event: "timed", timestamp_column: "at", timestamp_format: "dd/mm/yyyy hh:mm" },
        body,
      ),
    );
    expect(upload.errors.map(({ line, code }) => [line, code])).toEqual(
      [3, 4, 5].map((line) => [line, "TIMESTAMP_INVALID"]),
    );
    expect(upload.errors[0]?.message).toContain("timestamp_format");
    const [event] = await bed.eventsNamed("timed");
    expect(new Date(event?.timestamp ?? 0).toISOString()).toBe("2010-12-01T08:26:00.000Z");
  });

  test("a form: the file, a mapping as JSON, and fields", async () => {
    const form = new FormData();
    form.append("file", new Blob(["who,what\nu1,form_sent\n"]), "rows.csv");
    form.append(
      "mapping",
      new Blob([JSON.stringify({ event_column: "what" })], { type: "application/json" }),
    );
    form.append("user_column", "who");
    const upload = await bed.finish(await bed.send({ format: "csv" }, form));
    expect(upload).toMatchObject({ state: "done", accepted: 1, file_name: "rows.csv" });
    expect(await bed.eventsNamed("form_sent")).toHaveLength(1);
  });

  test("the same rows again: other ids without dedupe, the same ids with it; equal rows in one file all count", async () => {
    const rows = "user_id,a\nu1,1\nu1,1\nu2,2\n";
    const idsOf = async (event: string, dedupe: boolean): Promise<Set<string>> => {
      for (let round = 0; round < 2; round += 1) {
        const upload = await bed.finish(
          await bed.send({ format: "csv", event, ...(dedupe ? { dedupe: "rows" } : {}) }, rows),
        );
        expect(upload.accepted).toBe(3);
      }
      return new Set((await bed.eventsNamed(event)).map(({ event_id }) => event_id));
    };
    expect((await idsOf("again_plain", false)).size).toBe(6);
    expect((await idsOf("again_deduped", true)).size).toBe(3);
  });
});
