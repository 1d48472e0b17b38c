// The query tier as others see it: through its service on NATS, over the real servers.
import { randomUUID } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { blockFingerprint, BlockWriter, schemaHeader } from "#schemas/events/block.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { Receipt } from "#schemas/query/receipt.ts";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { readConfig } from "#ops/runtime/config.ts";
import type { Running } from "#ops/runtime/life-cycle.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { callService, callStream } from "#streams/call-service.ts";
import { eventSubject } from "#streams/catalogue.ts";
import { connectNats } from "#streams/connect.ts";
import { start } from "./main.ts";
import { createTestDatabase, storeTime, type TestDatabase } from "./testing/test-database.ts";

const log = createLogger({ level: "error", name: "test" });
const projectId = 3;
const partitions = 4;
const dayMs = 86_400_000;
const base = Date.UTC(2026, 10, 1);

let connection: NatsConnection;
let database: TestDatabase;
let postgresDatabase: string;
let admin: pg.Client;
let postgres: pg.Client;
let running: Running;

const context = '{\n"page": {"url": "https://x.test/", "empty": {}, "nothing": null}}';

function row(index: number, project = projectId): object {
  return {
    project_id: project,
    event: index % 3 === 0 ? "order" : 'page "view"\n',
    timestamp: storeTime(base + index * 60_000),
    user_number: index % 10,
    event_id: `${project}-e${index}`,
    user_id: index % 2 === 0 ? `u${index % 10}` : "",
    anonymous_id: index % 2 === 0 ? "" : `a${index % 10}`,
    properties: { amount: index, "a.b": "dotted", text: 'q"uote\n', list: [1, "x"] },
    context,
    received_at: storeTime(base + index * 60_000 + 5),
  };
}

const rows = 3000;

beforeAll(async () => {
  // A log of its own: the stream's name is fixed, and other tests have theirs in the shared server.
  database = await createTestDatabase({ withLog: true });
  connection = await connectNats({ url: database.natsUrl, name: "test", log });
  postgresDatabase = `query_${randomUUID().replaceAll("-", "")}`;
  admin = new pg.Client({ connectionString: inject("servers").postgresUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${postgresDatabase}`);
  const url = new URL(inject("servers").postgresUrl);
  url.pathname = `/${postgresDatabase}`;
  postgres = new pg.Client({ connectionString: url.href });
  await postgres.connect();
  await postgres.query(`CREATE TABLE log_partitions (partition integer PRIMARY KEY, owner text,
    committed_sequence bigint NOT NULL DEFAULT 0, committed_at timestamptz)`);
  await postgres.query("INSERT INTO log_partitions SELECT generate_series(0, 2), 'workers-1', 0, now()");

  await database.insertEvents(Array.from({ length: rows }, (_, index) => row(index)));
  await database.insertEvents([row(1, projectId + 1)]);
  await database.clickhouse.insert({
    table: "event_outcomes",
    values: [
      { event_id: `${projectId}-e7`, outcome: "duplicate", log_sequence: 1 },
      { event_id: `${projectId}-e7`, outcome: "duplicate", log_sequence: 1 },
      { event_id: `${projectId}-e7`, outcome: "duplicate", log_sequence: 2 },
      { event_id: "gone", outcome: "duplicate", log_sequence: 3 },
      {
        event_id: "bad",
        outcome: "quarantined",
        reason: "PLAN_VIOLATED",
        message: "amount is text",
        log_sequence: 4,
      },
    ].map((outcome) => ({ project_id: projectId, received_at: storeTime(Date.now()), ...outcome })),
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });

  running = await start(
    readConfig({
      MILLRACE_NATS_URL: database.natsUrl,
      MILLRACE_CLICKHOUSE_URL: database.readUrl,
      MILLRACE_POSTGRES_URL: url.href,
      MILLRACE_PARTITIONS: String(partitions),
      MILLRACE_LOG_LEVEL: "error",
    }),
    log,
  );
});

afterAll(async () => {
  await running?.stop();
  await connection?.close();
  await postgres.end();
  await admin.query(`DROP DATABASE ${postgresDatabase} WITH (FORCE)`);
  await admin.end();
  await database.drop();
});

const options = { requestId: "r1", projectId, timeoutMs: 10_000 };
const trends = (body: object): Promise<TrendsAnswer> =>
  callService(connection, "svc.query.trends", body, options) as Promise<TrendsAnswer>;

async function errorOf(call: Promise<unknown>): Promise<MillraceError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}

describe("trends", () => {
  const range = { from: "2026-11-01", to: "2026-11-03" };

  it("answers counts, uniques and sums with a formula, and says what it did", async () => {
    const answer = await trends({
      ...range,
      series: [
        { event: "order", label: "orders" },
        { event: null, math: "unique_users" },
        { event: "order", math: "sum", property: "amount" },
      ],
      formula: "C / orders",
    });
    expect(answer.series.map((each) => [each.label, each.total])).toEqual([
      ["orders", 1000],
      ["Any event", 10],
      ["order", (999 * 1000 * 3) / 2],
      ["C / orders", 1498.5],
    ]);
    expect(answer.series[0]?.buckets).toEqual([
      "2026-11-01T00:00:00.000Z",
      "2026-11-02T00:00:00.000Z",
      "2026-11-03T00:00:00.000Z",
    ]);
    expect(answer.series[0]?.values).toEqual([480, 480, 40]);
    expect(answer.meta).toMatchObject({ source: "events+rollup_day", cache: "none", exact: true });
    expect(Math.abs(Date.now() - Date.parse(answer.meta.as_of ?? ""))).toBeLessThan(5_000);
    expect(answer.meta.rows_read).toBeGreaterThan(0);
  });

  it("finds a key with dots, and names in quotes", async () => {
    const answer = await trends({
      ...range,
      series: [{ event: 'page "view"\n', filters: [{ property: "a.b", operator: "eq", value: "dotted" }] }],
    });
    expect(answer.series[0]?.total).toBe(2000);
  });

  it("takes as many buckets, values and long names as its contract allows", async () => {
    const days = await trends({
      from: "1999-07-15",
      to: "2026-11-22",
      timezone: "Europe/Amsterdam",
      series: [{ event: "order" }, { event: "order", math: "sum", property: "amount" }],
    });
    expect(days.series[0]?.values).toHaveLength(9_993);
    expect(days.series.map((each) => each.total)).toEqual([1000, (999 * 1000 * 3) / 2]);

    const value = Array.from({ length: 1000 }, (_, index) => `${index}é'\\${"x".repeat(200)}`);
    const filters = [
      {
        or: [
          { property: "amount", operator: "in", value },
          { property: "amount", operator: "in", value: [1, 2, 3] },
        ],
      },
    ];
    expect((await trends({ ...range, series: [{ event: null, filters }] })).series[0]?.total).toBe(3);

    const long = Array.from({ length: 50 }, (_, index) => ({
      ...row(index),
      event: "long",
      event_id: `long${index}`,
      // After everything that the other tests count.
      timestamp: storeTime(base + 10 * dayMs),
      properties: { text: `${index}'`.repeat(3000) },
    }));
    await database.insertEvents(long);
    const broken = await trends({
      from: "2026-11-10",
      to: "2026-11-12",
      series: [{ event: "long" }],
      breakdown: { property: "text", limit: 40 },
    });
    expect(broken.series.map((each) => each.total)).toEqual([...Array.from({ length: 40 }, () => 1), 10]);
    expect(broken.series.at(-1)?.breakdown).toBe("$other");
  });

  it("explains plan, SQL and the store's own plan", async () => {
    const answer = await trends({ ...range, series: [{ event: "order" }], explain: true });
    expect(answer.explain).toMatchObject([
      { plan: { kind: "slices" }, sql: expect.stringContaining("rollup_day") as string },
    ]);
    expect(JSON.stringify(answer.explain)).toContain("ReadFromMergeTree");
  });

  it("refuses what it cannot answer with the field's name", async () => {
    const error = await errorOf(
      trends({ ...range, series: [{ event: "order", filters: [{ cohort: "c1" }] }] }),
    );
    expect([error.code, error.details]).toMatchObject([
      "INVALID_QUERY",
      [{ path: "series[0].filters[0].cohort" }],
    ]);
    expect((await errorOf(callService(connection, "svc.query.trends", Buffer.from("{"), options))).code).toBe(
      "MALFORMED_JSON",
    );
  });

  it("keeps property names from becoming SQL", async () => {
    const hostile = [
      "` OR 1=1 --",
      "a`) OR (1=1",
      "\\` UNION ALL SELECT 1 --",
      "{project_id:UInt32}",
      "a;DROP TABLE events",
      "x\0y",
    ];
    for (const property of hostile) {
      const answer = await trends({
        ...range,
        series: [{ event: "order", math: "sum", property, filters: [{ property, operator: "is_set" }] }],
        breakdown: { property },
      });
      expect(answer.series, property).toEqual([]);
    }
  });
});

describe("receipts", () => {
  const receipt = (eventId: string, project = projectId): Promise<Receipt> =>
    callService(
      connection,
      "svc.query.receipt",
      { event_id: eventId },
      { ...options, projectId: project },
    ) as Promise<Receipt>;

  it("tells stored, repeats, quarantined and unknown", async () => {
    expect(await receipt(`${projectId}-e8`)).toMatchObject({
      status: "stored",
      duplicates: 0,
      received_at: "2026-11-01T00:08:00.005Z",
    });
    expect(await receipt(`${projectId}-e7`)).toMatchObject({ status: "stored", duplicates: 2 });
    expect(await receipt("gone")).toMatchObject({ status: "duplicate", duplicates: 1, stored_at: null });
    expect(await receipt("bad")).toMatchObject({
      status: "quarantined",
      reason: "PLAN_VIOLATED",
      message: "amount is text",
    });
    expect((await errorOf(receipt("unknown"))).code).toBe("EVENT_NOT_FOUND");
    expect((await errorOf(receipt(`${projectId}-e7`, projectId + 1))).code).toBe("EVENT_NOT_FOUND");
  });

  it("finds what is still in the log, and the watermark stays before it", async () => {
    const event = (eventId: string): LogEvent => ({
      project_id: projectId,
      event: "late",
      event_id: eventId,
      user_id: "u",
      anonymous_id: "",
      session_id: "",
      timestamp: base,
      received_at: Date.now(),
      properties: "{}",
      context: "{}",
      user_agent: "",
    });
    const publish = async (eventId: string, partition: number): Promise<number> => {
      const writer = new BlockWriter();
      writer.append(event(eventId));
      const built = headers();
      built.set(schemaHeader, blockFingerprint);
      return (
        await jetstream(connection).publish(eventSubject(partition), writer.finish(), { headers: built })
      ).seq;
    };
    const before = Date.now();
    // Partition 3 has no row in Postgres yet: nobody has claimed it.
    await publish("waiting-3", 3);
    const sequence = await publish("waiting-1", 1);
    expect(await receipt("waiting-1")).toMatchObject({ status: "pending", event: "late", stored_at: null });
    expect(await receipt("waiting-3")).toMatchObject({ status: "pending" });
    expect((await errorOf(receipt("waiting-1", projectId + 1))).code).toBe("EVENT_NOT_FOUND");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const behind = await trends({ series: [{ event: "order" }] });
    expect(Date.parse(behind.meta.as_of ?? "")).toBeLessThan(Date.now() - 250);
    expect(Date.parse(behind.meta.as_of ?? "")).toBeGreaterThanOrEqual(before - 10);

    const system = (await callService(connection, "svc.query.system", {}, options)) as {
      log: object;
      stores: object;
      lag: { seconds_max: number; partitions: { pending_since: string | null }[] };
      instances: object[];
    };
    expect(system.lag.partitions.map((each) => each.pending_since !== null)).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(system.lag.seconds_max).toBeGreaterThan(0.25);
    expect(system.log).toMatchObject({
      reachable: true,
      partitions,
      durability: { sync: "always", known: true },
    });
    expect(system.stores).toMatchObject({ clickhouse: { reachable: true }, postgres: { reachable: true } });
    expect(system.instances).toMatchObject([{ tier: "query", ready: true }]);

    await postgres.query("INSERT INTO log_partitions VALUES (3, 'workers-1', $1, now()) ", [sequence]);
    await postgres.query("UPDATE log_partitions SET committed_sequence = $1", [sequence]);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const after = await trends({ series: [{ event: "order" }] });
    expect(Date.now() - Date.parse(after.meta.as_of ?? "")).toBeLessThan(250);
    expect((await errorOf(receipt("waiting-1"))).code).toBe("EVENT_NOT_FOUND");
  });
});

describe("exports", () => {
  async function collect(parameters: object): Promise<{ headers: Record<string, string>; body: Buffer }> {
    const chunks: Uint8Array[] = [];
    let answered: Record<string, string> = {};
    await callStream(connection, "svc.query.export_events", parameters, options, {
      onStart: (meta) => void (answered = meta.headers),
      onChunk: (bytes) => void chunks.push(bytes),
      signal: new AbortController().signal,
    });
    return { headers: answered, body: Buffer.concat(chunks) };
  }
  const linesOf = (body: Buffer): Record<string, unknown>[] =>
    body
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it("gives every event of the project once, as it was sent", async () => {
    const { headers: given, body } = await collect({ format: "ndjson", event: ['page "view"\n', "order"] });
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
    for (let at = 0; at < many.length; at += 20_000) await database.insertEvents(many.slice(at, at + 20_000));
    const running = async (): Promise<number> => {
      const result = await database.clickhouse.query({
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
      connection,
      "svc.query.export_events",
      {},
      { ...options, projectId: 90 },
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

it("lets a date that ends the range count whole, and nothing after it", async () => {
  const answer = await trends({
    from: base,
    to: base + dayMs - 1,
    interval: "hour",
    series: [{ event: null }],
  });
  expect(answer.series[0]?.total).toBe(1440);
  expect(answer.series[0]?.values).toHaveLength(24);
});
