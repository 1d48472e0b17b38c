// `npm run bench -- encode`: what it costs to make rows of events and to store them. First the encoder's own parts
// on one thread, then inserts of the same rows into a synced table, in the three forms properties can be sent.
// Options: --rows 20000 --rounds 20 --inserts 10 --clickhouse-url http://user:password@host:port/database
// Rounds alternate between the cases, and the fastest round counts: the machine is seldom quiet.
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { Enricher } from "../workers/events/enrich/enrich-event.ts";
import { EventsBlock, eventsInsertSettings, type EventRow } from "../workers/events/native/events-block.ts";
import { JsonColumn } from "../workers/events/native/json-column.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "20000" },
    rounds: { type: "string", default: "20" },
    inserts: { type: "string", default: "10" },
    "clickhouse-url": { type: "string" },
  },
});
/** Its own table beside the product's, with the same definition and no dependent views. */
const table = `bench_encode_${process.pid}`;
const rowCount = Number(values.rows);

const agent =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

/** As from the log: every string of its own, none known to the engine yet. */
function fresh(text: string): string {
  return Buffer.from(text).toString();
}

function jsonOf(value: object): string {
  return fresh(JSON.stringify(value));
}

function buildRow(index: number): EventRow {
  const url = `https://shop.example.com/products/${index}`;
  return {
    projectId: 1,
    event: fresh(["page_viewed", "product_viewed", "cart_filled", "order_placed"][(index * 7) % 4] as string),
    timestamp: 1_790_000_000_000 + index,
    userNumber: index % 5000,
    eventId: randomUUID(),
    userId: fresh(`user_${index % 5000}`),
    anonymousId: "",
    sessionId: fresh(`session_${index >> 3}`),
    properties: jsonOf({
      revenue: ((index * 7919) % 10_000) / 100,
      country: ["NL", "DE", "US", "FR", "GB"][index % 5],
      plan: ["free", "pro", "team"][index % 3],
      url,
      flag: index % 2 === 0,
    }),
    context: jsonOf({ userAgent: agent, page: { url, referrer: "https://www.google.com/" } }),
    pageUrl: fresh(url),
    referrerDomain: "google.com",
    utmSource: "",
    utmMedium: "",
    utmCampaign: "",
    browser: "Chrome",
    os: "macOS",
    device: "desktop",
    isBot: false,
    receivedAt: 1_790_000_000_100 + index,
    logPartition: index % 8,
    logSequence: index >> 6,
    retentionDays: 0,
  };
}

const rows = Array.from({ length: rowCount }, (_, index) => buildRow(index));

interface Case {
  name: string;
  run: () => unknown;
}

async function compare(cases: readonly Case[], rounds: number): Promise<void> {
  const best = cases.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, each] of cases.entries()) {
      const startedMs = performance.now();
      // One case after the other, on purpose: they share the machine.
      await each.run();
      best[index] = Math.min(best[index] as number, performance.now() - startedMs);
    }
  }
  for (const [index, each] of cases.entries()) {
    const perRowUs = ((best[index] as number) * 1000) / rowCount;
    const perSecond = Math.round(1e6 / perRowUs).toLocaleString("en");
    console.log(`${each.name.padEnd(58)} ${perRowUs.toFixed(3).padStart(8)} µs ${perSecond.padStart(11)}/s`);
  }
}

function fill(block: EventsBlock): Buffer {
  for (const row of rows) block.append(row);
  return block.finish();
}

const block = new EventsBlock();
const properties = new JsonColumn("properties", 256);
const enricher = new Enricher();

const encoding: Case[] = [
  {
    name: "properties: JSON.parse alone",
    run: () => rows.reduce((sum, row) => sum + (JSON.parse(row.properties) === null ? 1 : 0), 0),
  },
  {
    name: "properties: scanned into typed paths",
    run: () => {
      for (const row of rows) properties.append(row.properties);
      properties.reset();
    },
  },
  {
    name: "enrich: context and properties, agent known",
    run: () => {
      for (const { context, properties: text } of rows) {
        enricher.enrich({ context, properties: text, user_agent: "" });
      }
    },
  },
  { name: "whole block of events", run: () => fill(block) },
];

/** JSONEachRow of the same rows: what a client without an encoder would send. */
function jsonLines(): string {
  return rows.map((row) => JSON.stringify(toTableRow(row))).join("\n");
}

function toTableRow(row: EventRow): Record<string, unknown> {
  const members = Object.entries(row).map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value as unknown,
  ]);
  return {
    ...(Object.fromEntries(members) as Record<string, unknown>),
    properties: JSON.parse(row.properties) as object,
    timestamp: new Date(row.timestamp).toISOString(),
    received_at: new Date(row.receivedAt).toISOString(),
  };
}

function insert(clickhouse: ClickHouse, format: string, body: Buffer): () => Promise<void> {
  return async () => {
    const { stream } = await clickhouse.exec({
      query: `INSERT INTO ${table} FORMAT ${format}`,
      values: Readable.from([body], { objectMode: false }),
      clickhouse_settings: {
        ...eventsInsertSettings,
        async_insert: 0,
        // Equal blocks would be dropped as repeated.
        insert_deduplication_token: randomUUID(),
      },
    });
    await stream.toArray();
  };
}

async function compareInserts(url: string): Promise<void> {
  const clickhouse = createClickHouse(url, { name: "benchmark" });
  const migration = new URL("../schemas/migrations/clickhouse/0001-events.sql", import.meta.url);
  const definition = await readFile(migration, "utf8");
  await clickhouse.command({ query: definition.replace("EXISTS events", `EXISTS ${table}`) });
  const typed = fill(block);
  const text = fill(new EventsBlock({ pathsPerBlockMax: 0 }));
  const lines = Buffer.from(jsonLines());
  console.log(
    `\nbytes an event: typed ${Math.round(typed.length / rowCount)}, text ${Math.round(text.length / rowCount)}, ` +
      `JSONEachRow ${Math.round(lines.length / rowCount)}`,
  );
  await compare(
    [
      { name: "insert, Native, typed paths", run: insert(clickhouse, "Native", typed) },
      { name: "insert, Native, properties as text", run: insert(clickhouse, "Native", text) },
      { name: "insert, JSONEachRow", run: insert(clickhouse, "JSONEachRow", lines) },
    ],
    Number(values.inserts),
  );
  await clickhouse.command({ query: `DROP TABLE ${table} SYNC` });
  await clickhouse.close();
}

console.log(`${rowCount.toLocaleString("en")} events of five properties, Node ${process.version}\n`);
await compare(encoding, Number(values.rounds));
if (values["clickhouse-url"] === undefined) {
  // Not before the encoder was measured: this loads ioredis 6, whose `class … extends String` makes V8 check
  // String.prototype at every method call on a string (charCodeAt loops take 1.7 times as long) in a thread that
  // loads it. Pool threads do not.
  const { startServers } = await import("#ops/embedded/start-servers.ts");
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-encode-"));
  const servers = await startServers({ dataDir, parts: ["clickhouse"] });
  try {
    await compareInserts(servers.clickhouseUrl);
  } finally {
    await servers.stop();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
} else {
  await compareInserts(values["clickhouse-url"]);
}
