// Exports through the tier's service, over the real servers.
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { callStream } from "#streams/call-service.ts";
import {
  callOptions,
  context,
  errorOf,
  projectId,
  row,
  rows,
  startTestTier,
  type TestTier,
} from "../../testing/test-tier.ts";

let tier: TestTier;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
});

afterAll(() => tier.stop());

describe("exports", () => {
  async function collect(
    parameters: object,
    project = projectId,
  ): Promise<{ headers: Record<string, string>; body: Buffer }> {
    const chunks: Uint8Array[] = [];
    let answered: Record<string, string> = {};
    await callStream(
      tier.connection,
      "svc.query.export_events",
      parameters,
      { ...callOptions, projectId: project },
      {
        onStart: (meta) => void (answered = meta.headers),
        onChunk: (bytes) => void chunks.push(bytes),
        signal: new AbortController().signal,
      },
    );
    return { headers: answered, body: Buffer.concat(chunks) };
  }
  const linesOf = (body: Buffer): Record<string, unknown>[] =>
    body
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it("gives every event of the project once, as it was sent", async () => {
    const { headers: given, body } = await collect({ format: "ndjson" });
    expect(given["content-type"]).toContain("application/x-ndjson");
    const lines = linesOf(body);
    expect(new Set(lines.map((line) => line["event_id"])).size).toBe(rows);
    expect(lines).toHaveLength(rows);
    expect(lines.find((line) => line["event_id"] === `${projectId}-e1`)).toMatchObject({
      event: 'page "view"\n',
      user_id: null,
      anonymous_id: "a1",
      session_id: null,
      timestamp: "2026-11-01T00:01:00.000Z",
      received_at: "2026-11-01T00:01:00.005Z",
      properties: { amount: 1, "a.b": "dotted", text: 'q"uote\n', list: [1, "x"] },
      context: JSON.parse(context) as object,
    });
  });

  it("filters by range, event, user and property", async () => {
    const { body } = await collect({
      from: "2026-11-01",
      to: "2026-11-01",
      event: ["order", "other"],
      user_id: "u0",
      filters: JSON.stringify([{ property: "amount", operator: "lt", value: 100 }]),
    });
    expect(linesOf(body).map((line) => line["event_id"])).toEqual(
      ["0", "30", "60", "90"].map((id) => `${projectId}-e${id}`),
    );
  });

  it("filters by cohort and property of the user, and names the person whom joined ids stand for", async () => {
    const project = 40;
    const insert = (table: string, values: object[]): Promise<unknown> =>
      tier.database.clickhouse.insert({ table, values, format: "JSONEachRow" });
    await tier.database.insertEvents(Array.from({ length: 40 }, (_, index) => row(index, project)));
    // 7 is joined to 2; only 2 is named by the cohort and by the property.
    await insert("persons", [{ project_id: project, user_number: 7, person_number: 2, version: 1 }]);
    await insert("user_properties", [
      {
        project_id: project,
        property: "plan",
        user_number: 2,
        once: 0,
        text: "pro",
        value: '"pro"',
        version: 1,
      },
    ]);
    await tier.postgres.query(
      "INSERT INTO user_persons (project_id, user_number, person_number) VALUES ($1, 7, 2)",
      [project],
    );
    await tier.postgres.query(
      "INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, 'p40', 'p40')",
      [project],
    );
    const { rows: cohorts } = await tier.postgres.query<{ id: number }>(
      "INSERT INTO cohorts (project_id, public_id, name) VALUES ($1, 'two', 'two') RETURNING id",
      [project],
    );
    await tier.database.clickhouse.command({
      query: `INSERT INTO cohort_members SELECT ${project}, ${cohorts[0]?.id}, 1, groupBitmapState(toUInt32(2)) FROM numbers(1)`,
    });
    const lists = [
      [{ cohort: "two" }],
      [{ property: "plan", operator: "eq", value: "pro", on: "user" }],
      [{ or: [{ cohort: "two" }, { property: "plan", operator: "is_set", on: "user" }] }],
    ];
    for (const filters of lists) {
      const { body } = await collect({ filters: JSON.stringify(filters) }, project);
      const lines = linesOf(body);
      expect(lines).toHaveLength(8);
      expect(new Set(lines.map((line) => line["user_id"] ?? line["anonymous_id"]))).toEqual(
        new Set(["u2", "a7"]),
      );
      expect(new Set(lines.map((line) => line["person_id"]))).toEqual(new Set(["2"]));
    }
    const csv = (
      await collect({ format: "csv", filters: JSON.stringify([{ cohort: "two", negate: true }]) }, project)
    ).body.toString();
    expect(csv.split("\n", 1)[0]).toContain('"session_id","person_id","timestamp"');
    expect(csv.match(/"40-e\d+"/g)).toHaveLength(32);
  });

  it("compresses on request and writes CSV and Parquet", async () => {
    const packed = await collect({ format: "csv", accept_encoding: "gzip, br", to: "2026-12-01" });
    expect(packed.headers["content-encoding"]).toBe("gzip");
    const text = gunzipSync(packed.body).toString();
    expect(text.slice(0, text.indexOf("\n"))).toContain('"event","event_id","user_id"');
    expect(text.match(/"3-e\d+"/g)).toHaveLength(rows);
    const refused = await collect({ format: "csv", accept_encoding: "gzip;q=0, br" });
    expect(refused.headers["content-encoding"]).toBeUndefined();
    const parquet = await collect({ format: "parquet", gzip: "true" });
    expect(parquet.body.subarray(0, 4).toString()).toBe("PAR1");
    expect(parquet.body.subarray(-4).toString()).toBe("PAR1");
  });

  it("names a wrong parameter", async () => {
    const wrong: [object, string][] = [
      [{ format: "xml" }, "format"],
      [{ form: "csv" }, "form"],
      [{ from: "yesterday" }, "from"],
      [{ timezone: "Mars/Base" }, "timezone"],
      [{ filters: "[{" }, "filters"],
    ];
    for (const [parameters, path] of wrong) {
      const error = await errorOf(collect(parameters));
      expect([error.code, error.details]).toMatchObject(["INVALID_PARAMETER", [{ path }]]);
    }
  });

  it("waits for a slow reader, and stops the store when the reader leaves", { timeout: 60_000 }, async () => {
    const many = Array.from({ length: 60_000 }, (_, index) => ({
      ...row(index, 90),
      properties: { filler: `${index}`.repeat(100) },
    }));
    for (let at = 0; at < many.length; at += 20_000)
      await tier.database.insertEvents(many.slice(at, at + 20_000));
    const running = async (): Promise<number> => {
      const result = await tier.database.clickhouse.query({
        query:
          "SELECT count() FROM system.processes WHERE query LIKE {like:String} AND query NOT LIKE '%system.processes%'",
        query_params: { like: "%toJSONString(properties)%FORMAT TSVRaw%" },
        format: "JSONCompact",
      });
      return Number((await result.json<[string]>()).data[0]?.[0]);
    };
    const leaving = new AbortController();
    let bytes = 0;
    const heapBefore = process.memoryUsage().rss;
    const reading = callStream(
      tier.connection,
      "svc.query.export_events",
      {},
      { ...callOptions, projectId: 90 },
      {
        onStart: () => {},
        onChunk: async (chunk) => {
          bytes += chunk.length;
          // A first look at the data, then a long pause.
          if (bytes > 1_000_000) await new Promise((resolve) => setTimeout(resolve, 3_600_000).unref());
        },
        signal: leaving.signal,
      },
    );
    const left = errorOf(reading);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await running()).toBe(1);
    // 30 MB wait in the store; what has left it is bounded by credits and socket buffers.
    expect(bytes).toBeLessThan(8_000_000);
    expect(process.memoryUsage().rss - heapBefore).toBeLessThan(200_000_000);
    leaving.abort();
    await left;
    const deadline = Date.now() + 5_000;
    while ((await running()) > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await running()).toBe(0);
  });
});
