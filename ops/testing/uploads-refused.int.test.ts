// Files that are refused, cut or given up: coded, naming the parameter, and nothing of them is left.
import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testKeys } from "#ingest/testing/start-edge.ts";
import { createRandom } from "../e2e/senders.ts";
import { mebibyte, startUploadBed, type UploadBed, type UploadBody } from "./upload-bed.ts";

let bed: UploadBed;
beforeAll(async () => {
  bed = await startUploadBed();
});
afterAll(async () => {
  await bed.close();
});

async function expectNothingLeft(): Promise<void> {
  await expect.poll(async () => bed.listFiles()).toEqual([]);
  await expect.poll(async () => bed.countReceiving()).toBe(0);
}

describe("files that are refused", () => {
  const wide = Array.from({ length: 10_000 }, (_, index) => `c${index}`).join(",");
  const cases: {
    name: string;
    parameters?: Record<string, string>;
    body: UploadBody;
    headers?: Record<string, string>;
    expected: [number, string, string?];
  }[] = [
    {
      name: "no format",
      parameters: { format: "" },
      body: "a",
      expected: [400, "INVALID_PARAMETER", "format"],
    },
    {
      name: "an unknown parameter",
      parameters: { user: "a" },
      body: "a",
      expected: [400, "INVALID_PARAMETER", "user"],
    },
    {
      name: "an unknown charset",
      parameters: { charset: "klingon" },
      body: "a",
      expected: [400, "INVALID_PARAMETER", "charset"],
    },
    {
      name: "a time format without a year",
      parameters: { timestamp_format: "dd.mm" },
      body: "a",
      expected: [400, "INVALID_PARAMETER", "timestamp_format"],
    },
    {
      name: "a type that is none",
      parameters: { types: "a:date" },
      body: "a",
      expected: [400, "INVALID_PARAMETER", "types"],
    },
    {
      name: "a column that is not there",
      parameters: { user_column: "uid" },
      body: "user_id\nu1\n",
      expected: [400, "COLUMN_NOT_FOUND", "user_column"],
    },
    { name: "no user", body: "a,b\n1,2\n", expected: [400, "COLUMN_NOT_FOUND", "user_column"] },
    { name: "a column twice", body: "user_id,a,a\nu1,2,3\n", expected: [400, "COLUMN_REPEATED"] },
    { name: "10,000 columns", body: `user_id,${wide}\n`, expected: [400, "TOO_MANY_COLUMNS"] },
    { name: "nothing", body: "", expected: [400, "EMPTY_BODY"] },
    { name: "white space", body: "\n\n", expected: [400, "EMPTY_BODY"] },
    {
      name: "a file of NULs",
      body: Buffer.alloc(50),
      expected: [400, "INVALID_ENCODING"],
    },
    {
      name: "a column name that no store takes",
      parameters: { user_column: "a\0b" },
      body: "a\n1\n",
      expected: [400, "INVALID_PARAMETER", "user_column"],
    },
    {
      name: "damaged gzip",
      body: gzipSync("user_id\nu1\n".repeat(1000)).subarray(0, 40),
      expected: [400, "MALFORMED_COMPRESSION"],
    },
    {
      name: "UTF-16 that is none",
      parameters: { charset: "utf-16le" },
      body: "user_id,a\nu1,1\n",
      expected: [400, "INVALID_ENCODING", "charset"],
    },
    {
      name: "JSON without an array",
      parameters: { format: "json" },
      body: '{"a":1}',
      expected: [400, "INVALID_BODY"],
    },
    {
      name: "a form without an end",
      body: '--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nuser_id\nu1',
      headers: { "content-type": "multipart/form-data; boundary=x" },
      expected: [400, "MALFORMED_MULTIPART"],
    },
    {
      name: "a form without a boundary",
      body: "x",
      headers: { "content-type": "multipart/form-data" },
      expected: [400, "MALFORMED_MULTIPART"],
    },
    {
      name: "a form without a file",
      body: '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
      headers: { "content-type": "multipart/form-data; boundary=x" },
      expected: [400, "MALFORMED_MULTIPART"],
    },
    {
      name: "an unknown encoding",
      body: "x",
      headers: { "content-encoding": "zstd" },
      expected: [415, "UNSUPPORTED_MEDIA_TYPE"],
    },
    {
      name: "a read key",
      body: "x",
      headers: { authorization: `Bearer ${testKeys.read}` },
      expected: [403, "FORBIDDEN"],
    },
  ];
  test.each(cases)("$name", async ({ parameters, body, headers, expected: [status, code, parameter] }) => {
    const answer = await bed.send({ format: "csv", event: "refused", ...parameters }, body, headers);
    expect({ status: answer.status, code: answer.body.error?.code }).toEqual({ status, code });
    if (parameter !== undefined) {
      expect(answer.body.error.details).toEqual([{ parameter }]);
      expect(answer.body.error.message).toContain(parameter);
    }
    await expectNothingLeft();
  });

  test("a line of 90 MB, as the header and behind it, without holding it", { timeout: 60_000 }, async () => {
    const line = Buffer.alloc(90 * mebibyte, "x");
    const asHeader = await bed.send({ format: "csv", event: "long" }, line);
    expect(asHeader).toMatchObject({ status: 400, body: { error: { code: "RECORD_TOO_LARGE" } } });
    const head = Buffer.from("user_id,a\nu1,1\n");
    const before = process.memoryUsage.rss();
    const upload = await bed.finish(
      await bed.send({ format: "csv", event: "long" }, Buffer.concat([head, line])),
    );
    expect(upload).toMatchObject({ state: "done", rows: 2, accepted: 1, rejected: 1 });
    expect(upload.errors).toMatchObject([{ line: 3, code: "RECORD_TOO_LARGE" }]);
    // The sender is in this process too, with two copies of the body.
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * mebibyte);
  });

  test("more than the limit: plain and after decompression", { timeout: 60_000 }, async () => {
    const line = Buffer.alloc(101 * mebibyte, "u1\n");
    for (const body of [line, gzipSync(line, { level: 1 })]) {
      const answer = await bed.send({ format: "csv", event: "big" }, body);
      expect(answer).toMatchObject({ status: 413, body: { error: { code: "BODY_TOO_LARGE" } } });
    }
    await expectNothingLeft();
  });

  test("a JSON array that breaks in the middle keeps what came before, and says where", async () => {
    const body = '[{"event":"cut","user_id":"u1"},\n{"event":"cut","user_id":"u2"},\n,]';
    const upload = await bed.finish(await bed.send({ format: "json" }, body));
    expect(upload).toMatchObject({
      state: "failed",
      accepted: 2,
      failure: { line: 3, code: "MALFORMED_JSON" },
    });
    expect(await bed.eventsNamed("cut")).toHaveLength(2);
  });

  test(
    "damaged bytes of every kind: a code or rows that add up, never an answer of 500",
    { timeout: 60_000 },
    async () => {
      const seed = Date.now() % 1_000_000;
      const random = createRandom(seed);
      const originals: {
        parameters: Record<string, string>;
        body: Buffer;
        headers?: Record<string, string>;
      }[] = [
        { parameters: { format: "csv" }, body: Buffer.from('user_id,a\r\nu1,"x\ny"\r\nu2,é\r\n') },
        { parameters: { format: "csv" }, body: gzipSync("user_id;a\nu1;1\n") },
        {
          parameters: { format: "csv", charset: "utf-16" },
          body: Buffer.from("\ufeffuser_id,a\nu1,1\n", "utf16le"),
        },
        {
          parameters: { format: "ndjson" },
          body: Buffer.from('{"user_id":"u1","a":[1,{"b":"é"}]}\n{"user_id":2}\n'),
        },
        {
          parameters: { format: "json", dedupe: "rows" },
          body: Buffer.from('[{"user_id":"u1","a":"\\ud83d\\u0000"},{"user_id":"u2"}]'),
        },
        {
          parameters: { format: "csv" },
          body: Buffer.from(
            '--x\r\ncontent-disposition: form-data; name="f"; filename="a.csv"\r\n\r\nuser_id\nu1\n\r\n--x--\r\n',
          ),
          headers: { "content-type": "multipart/form-data; boundary=x" },
        },
      ];
      for (let round = 0; round < 120; round += 1) {
        const original = originals[round % originals.length] as (typeof originals)[number];
        const body = Buffer.from(original.body);
        const damages = 1 + Math.floor(random() * 4);
        for (let each = 0; each < damages; each += 1)
          body[Math.floor(random() * body.length)] = Math.floor(random() * 256);
        const cut = random() < 0.3 ? body.subarray(0, Math.floor(random() * body.length)) : body;
        const reply = await bed.send({ event: "damaged", ...original.parameters }, cut, original.headers);
        const what = `seed ${seed}, round ${round}: ${cut.toString("base64")}`;
        expect(reply.status, what).toBeLessThan(500);
        if (reply.status !== 202) {
          expect(reply.body.error.code, what).not.toBe("");
          continue;
        }
        const upload = await bed.finish(reply);
        expect(upload.rows, what).toBe(upload.accepted + upload.rejected);
        expect(upload.failure?.code, what).not.toBe("INTERNAL");
      }
      await expectNothingLeft();
    },
  );

  test("other projects see nothing of it", async () => {
    const { body } = await bed.send({ format: "csv", event: "own" }, "user_id\nu1\n");
    expect((await bed.get(body.upload_id)).status).toBe(200);
    expect((await bed.get(body.upload_id, testKeys.limited)).status).toBe(404);
  });

  test("a sender that falls silent is told so, and nothing is left", { timeout: 30_000 }, async () => {
    const status = await new Promise<number | undefined>((resolve) => {
      const sender = request(`${bed.url}/v1/uploads?format=csv&event=silent`, {
        method: "POST",
        headers: { authorization: `Bearer ${testKeys.write}`, "content-length": "1000000" },
      });
      sender.on("response", (response) => resolve(response.statusCode));
      sender.on("error", () => resolve(undefined));
      sender.write("user_id\nu1\n");
    });
    expect(status).toBe(408);
    await expectNothingLeft();
  });

  test("an upload that is aborted leaves nothing", async () => {
    await new Promise<void>((resolve) => {
      const sender = request(`${bed.url}/v1/uploads?format=csv&event=aborted`, {
        method: "POST",
        headers: { authorization: `Bearer ${testKeys.write}`, "content-length": "1000000" },
      });
      sender.on("error", () => resolve());
      sender.write("user_id\nu1\n");
      setTimeout(() => sender.destroy(new Error("abort")), 300);
    });
    await expectNothingLeft();
  });
});

test("rows of events that the server makes itself are refused, and only they", async () => {
  const body = "event,user_id,link_id,event_id\nlink.clicked,u,lnk_1,mine-1\nopened,u,lnk_1,mine-2\n";
  const upload = await bed.finish(await bed.send({ format: "csv", event_column: "event" }, body));
  expect(upload).toMatchObject({
    accepted: 1,
    rejected: 1,
    errors: [{ line: 2, code: "EVENT_NAME_RESERVED" }],
  });
  expect(await bed.eventsNamed("link.clicked")).toEqual([]);
});
