// Exports of queries through the tier's service, over the real servers: the rows are those of the query's answer.
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { exportKinds, type ExportKind } from "#schemas/query/export-query.ts";
import { callStream } from "#streams/call-service.ts";
import {
  base,
  callOptions,
  errorOf,
  projectId,
  startTestTier,
  type TestTier,
} from "../../testing/test-tier.ts";
import { createParquetRows } from "./parquet-rows.ts";
import { columnsOf, type Row } from "./table.ts";

let tier: TestTier;

const range = { from: "2026-11-01", to: "2026-11-03" };
const order = { event: "order" };
const page = { event: 'page "view"\n' };
const funnel = { ...range, steps: [order, page], window_seconds: 3600 };
const retention = { ...range, target: order, returning: page, periods: 3 };

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.postgres.query(
    `INSERT INTO user_numbers (project_id, user_key, user_number, partition)
     SELECT $1, CASE WHEN n % 2 = 0 THEN 'u:u' ELSE 'a:a' END || n, n, 0 FROM generate_series(0, 9) AS n`,
    [projectId],
  );
  await tier.postgres.query(
    "INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, 'shop', 'shop')",
    [projectId],
  );
  await tier.postgres.query("INSERT INTO cohorts (project_id, public_id, name) VALUES ($1, 'few', 'few')", [
    projectId,
  ]);
  await tier.database.clickhouse.command({
    query: `INSERT INTO cohort_members SELECT ${projectId}, 1, 1, groupBitmapState(arrayJoin([toUInt32(2), 3, 7]))`,
  });
});

afterAll(() => tier.stop());

async function exported(
  body: object,
  parameters: Record<string, string> = {},
): Promise<{ headers: Record<string, string>; body: Buffer }> {
  const chunks: Uint8Array[] = [];
  let headers: Record<string, string> = {};
  await callStream(
    tier.connection,
    "svc.query.export_query",
    body,
    { ...callOptions, parameters },
    {
      onStart: (meta) => void (headers = meta.headers),
      onChunk: (bytes) => void chunks.push(bytes),
      signal: new AbortController().signal,
    },
  );
  return { headers, body: Buffer.concat(chunks) };
}

const linesOf = (bytes: Buffer): Record<string, unknown>[] =>
  bytes
    .toString()
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Every kind with a query, its columns, and its number of rows. */
const kinds: Record<ExportKind, { query: object; columns: string[]; rows: number; first: object }> = {
  trends: {
    query: { ...range, series: [order, { ...order, math: "unique_users" }], compare: true },
    columns: ["label", "breakdown", "compare", "bucket", "value", "total"],
    rows: 12,
    first: {
      label: "order",
      breakdown: null,
      compare: false,
      bucket: "2026-11-01T00:00:00.000Z",
      value: 480,
      total: 1000,
    },
  },
  funnel: {
    query: funnel,
    columns: [
      "breakdown",
      "step",
      "label",
      "count",
      "rate_total",
      "rate_step",
      "avg_seconds",
      "median_seconds",
    ],
    rows: 2,
    first: { breakdown: null, step: 0, label: "order", count: 10, rate_total: 1, avg_seconds: null },
  },
  funnel_users: { query: { ...funnel, step: 1 }, columns: ["user"], rows: 10, first: { user: "u0" } },
  retention: {
    query: retention,
    columns: ["breakdown", "start", "size", "interval", "returned"],
    rows: 6,
    first: { breakdown: null, start: "2026-11-01T00:00:00.000Z", size: 10, interval: 0, returned: 10 },
  },
  retention_users: {
    query: { ...retention, row: 0, limit: 1 },
    columns: ["user", "returned"],
    rows: 10,
    first: { user: "u0", returned: "[0,1,2]" },
  },
  stickiness: {
    query: { ...range, event: "order" },
    columns: ["label", "intervals", "users", "users_at_least"],
    rows: 3,
    first: { label: "order", intervals: 1 },
  },
  lifecycle: {
    query: { ...range, event: "order" },
    columns: ["bucket", "new", "returning", "resurrecting", "dormant"],
    rows: 3,
    first: { bucket: "2026-11-01T00:00:00.000Z", new: 10, returning: 0, resurrecting: 0, dormant: 0 },
  },
  paths: {
    query: { ...range, anchor: order, steps: 1 },
    columns: ["step", "from", "to", "count"],
    rows: 1,
    first: { step: 0, from: "order", to: 'page "view"\n', count: 10 },
  },
  cohort_users: { query: { id: "few" }, columns: ["user"], rows: 3, first: { user: "u2" } },
};

describe("exports of queries", () => {
  for (const kind of exportKinds) {
    it(`writes ${kind} in every format`, async () => {
      const { query, columns, rows, first } = kinds[kind];
      const lines = linesOf((await exported({ kind, query })).body);
      expect(lines[0]).toMatchObject(first);
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(Object.keys(line)).toEqual(columns);

      const csv = await exported({ kind, query, format: "csv" });
      expect(csv.headers).toMatchObject({
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": `attachment; filename="${kind}.csv"`,
      });
      // The store reads both files: what it understands, others do.
      expect(await readByStore("CSVWithNames", csv.body, lines)).toEqual(lines);
      const parquet = await exported({ kind, query, format: "parquet" });
      expect(await readByStore("Parquet", parquet.body, lines)).toEqual(lines);
    });
  }

  /** Rows of a file; `like` says which values are times, written as Parquet's own type. */
  async function readByStore(
    format: string,
    file: Buffer,
    like: readonly Record<string, unknown>[],
  ): Promise<Record<string, unknown>[]> {
    const structure = Object.keys(like[0] ?? {})
      .map((name) => `\`${name}\` ${storeType(name, like)}`)
      .join(", ");
    const result = await tier.database.clickhouse.query({
      query: `SELECT * FROM format(${format}, '${structure.replaceAll("'", "\\'")}', unhex('${file.toString("hex")}'))`,
      format: "JSONEachRow",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0, date_time_output_format: "iso" },
    });
    return result.json();
  }

  function storeType(name: string, like: readonly Record<string, unknown>[]): string {
    if (name === "bucket" || name === "start") return "DateTime64(3, \\'UTC\\')".replaceAll("\\'", "'");
    const sample = like.map((line) => line[name]).find((value) => value !== null);
    if (typeof sample === "boolean") return "Bool";
    return typeof sample === "string" ? "Nullable(String)" : "Nullable(Float64)";
  }

  it("compresses when asked, by body, address or header, and never Parquet", async () => {
    const query = { kind: "trends", query: kinds.trends.query };
    const plain = (await exported(query)).body;
    const asked: [object, Record<string, string>][] = [
      [{ ...query, gzip: true }, {}],
      [query, { gzip: "true" }],
      [query, { accept_encoding: "br, gzip" }],
    ];
    for (const [body, parameters] of asked) {
      const packed = await exported(body, parameters);
      expect(packed.headers["content-encoding"]).toBe("gzip");
      expect(gunzipSync(packed.body)).toEqual(plain);
    }
    const refused = await exported({ ...query, gzip: false }, { accept_encoding: "gzip" });
    expect(refused.body).toEqual(plain);
    const parquet = await exported({ ...query, gzip: true }, { format: "parquet" });
    expect(parquet.headers["content-encoding"]).toBeUndefined();
    expect(parquet.body.subarray(0, 4).toString()).toBe("PAR1");
  });

  it("gives a broken-down funnel, its trend and its histogram their own columns", async () => {
    const namesOf = async (more: object): Promise<string[]> =>
      Object.keys(linesOf((await exported({ kind: "funnel", query: { ...funnel, ...more } })).body)[0] ?? {});
    expect(await namesOf({ view: "trend", interval: "day" })).toEqual(["bucket", "entered", "converted"]);
    expect(await namesOf({ view: "time_to_convert" })).toEqual(["from_seconds", "to_seconds", "count"]);
    const broken = linesOf(
      (await exported({ kind: "funnel", query: { ...funnel, breakdown: { property: "text" } } })).body,
    );
    expect(broken.map(({ breakdown, count }) => [breakdown, count])).toEqual([
      [null, 10],
      [null, 10],
      ['q"uote\n', 10],
      ['q"uote\n', 10],
    ]);
  });

  it("writes Parquet of many row groups, whatever the batches, with nothing lost or moved", async () => {
    const columns = columnsOf({ text: "text", n: "number", i: "integer", yes: "boolean", at: "time" });
    const total = 45_000;
    const rowAt = (index: number): Row =>
      index % 5 === 4
        ? [null, null, null, null, null]
        : [`é${index}`, index / 4, index - 7, index % 2 === 0, new Date(base + index).toISOString()];
    const writer = createParquetRows(columns);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < total; at += 7_001) {
      const count = Math.min(7_001, total - at);
      chunks.push(writer.write(Array.from({ length: count }, (_, index) => rowAt(at + index))));
    }
    chunks.push(writer.end());
    const { clickhouse } = tier.database;
    await clickhouse.command({
      query: `CREATE TABLE parquet_copy (text Nullable(String), n Nullable(Float64), i Nullable(Int64),
        yes Nullable(Bool), at Nullable(DateTime64(3, 'UTC'))) ENGINE = Memory`,
    });
    await clickhouse.insert({
      table: "parquet_copy",
      values: Readable.from(chunks, { objectMode: false }),
      format: "Parquet",
    });
    const result = await clickhouse.query({
      query: `SELECT count(), countIf(isNull(text)), sum(n), sum(i), countIf(yes), max(at),
        countIf(text != concat('é', toString(toUInt32(n * 4)))) FROM parquet_copy`,
      format: "JSONCompact",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0, date_time_output_format: "iso" },
    });
    const kept = Array.from({ length: total }, (_, index) => index).filter((index) => index % 5 !== 4);
    const sum = kept.reduce((left, right) => left + right, 0);
    expect((await result.json<unknown[]>()).data[0]).toEqual([
      total,
      total / 5,
      sum / 4,
      sum - 7 * kept.length,
      kept.filter((index) => index % 2 === 0).length,
      new Date(base + total - 2).toISOString(),
      0,
    ]);
  });

  it("gives all members of a cohort, page after page", async () => {
    await tier.postgres.query(
      "INSERT INTO cohorts (project_id, public_id, name) VALUES ($1, 'many', 'many')",
      [projectId],
    );
    await tier.postgres.query(
      `INSERT INTO user_numbers (project_id, user_key, user_number, partition)
       SELECT $1, 'u:m' || n, n, 0 FROM generate_series(1000, 3499) AS n`,
      [projectId],
    );
    await tier.database.clickhouse.command({
      query: `INSERT INTO cohort_members SELECT ${projectId}, 2, 1,
        groupBitmapState(toUInt32(1000 + number)) FROM numbers(2500)`,
    });
    const lines = linesOf((await exported({ kind: "cohort_users", query: { id: "many" } })).body);
    expect(lines.map(({ user }) => user)).toEqual(
      Array.from({ length: 2500 }, (_, index) => `m${1000 + index}`),
    );
  });

  it("writes no rows as a file that says so", async () => {
    const query = { ...range, anchor: { event: "never" } };
    expect((await exported({ kind: "paths", query })).body).toHaveLength(0);
    const csv = await exported({ kind: "paths", query, format: "csv" });
    expect(csv.body.toString()).toBe('"step","from","to","count"\n');
    const parquet = await exported({ kind: "paths", query, format: "parquet" });
    expect(parquet.body.subarray(-4).toString()).toBe("PAR1");
  });

  it("names what is wrong, with the place inside the query, before anything is sent", async () => {
    const wrong: [object, string, string][] = [
      [{ kind: "trend", query: {} }, "INVALID_QUERY", "kind"],
      [{ kind: "trends" }, "INVALID_QUERY", "query"],
      [{ kind: "trends", query: { series: [{ math: "mode" }] } }, "INVALID_QUERY", "query.series[0].math"],
      [{ kind: "trends", query: { series: [{}], timezone: "Mars/Base" } }, "INVALID_QUERY", "query.timezone"],
      [{ kind: "trends", query: { series: [{}] }, format: "xml" }, "INVALID_QUERY", "format"],
      [{ kind: "cohort_users", query: { cohort: "few" } }, "INVALID_QUERY", "query.id"],
    ];
    for (const [body, code, path] of wrong) {
      const error = await errorOf(exported(body));
      expect([error.code, ...error.details.map((each) => (each as { path: string }).path)]).toContain(path);
      expect(error.code).toBe(code);
    }
    expect((await errorOf(exported({ kind: "cohort_users", query: { id: "none" } }))).code).toBe(
      "COHORT_NOT_FOUND",
    );
  });
});
