// The store's own limit: rows like the pipeline's, as finished Native blocks, straight into the same tables
// with the same views, two lanes at a time, synced, each block under a token of its own.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { EventsBlock, eventsInsertSettings } from "#workers/events/native/events-block.ts";
import type { BenchInstallation } from "./installation-processes.ts";

export interface BareResult {
  rowsPerSecond: number;
  blockRows: number;
  cpuUsPerRow: number;
}

const blockRows = 25_000;
const lanes = 2;
const seconds = 15;
const distinctBlocks = 12;
const users = 100_000;
const countries = ["NL", "DE", "FR", "GB", "US", "CZ"];
const names = ["page_viewed", "item_added", "order_placed"];

function buildBlock(builder: EventsBlock, block: number): Buffer {
  const now = Date.now();
  for (let row = 0; row < blockRows; row += 1) {
    const number = block * blockRows + row;
    const user = (number * 7_919) % users;
    builder.append({
      projectId: 1,
      event: names[number % names.length] as string,
      timestamp: now - (number % 3_600) * 1_000,
      userNumber: user,
      eventId: `${now.toString(36)}-${String(number).padStart(12, "0")}`,
      userId: `user-${user}`,
      anonymousId: "",
      sessionId: `${user.toString(36)}-session`,
      properties: JSON.stringify({
        revenue: (number % 10_000) / 100,
        country: countries[number % countries.length],
        plan: "pro",
        url: `https://example.com/products/${number % 500}`,
        first: number % 2 === 0,
      }),
      context: "{}",
      pageUrl: `https://example.com/products/${number % 500}`,
      referrerDomain: "",
      utmSource: "",
      utmMedium: "",
      utmCampaign: "",
      browser: "",
      os: "",
      device: "other",
      isBot: false,
      receivedAt: now,
      logPartition: block % 8,
      logSequence: block,
      retentionDays: 0,
    });
  }
  return builder.finish();
}

/** Runs statements as the owner of the database, whose password is in the installation's own files. */
async function connect(installation: BenchInstallation): Promise<ClickHouse> {
  const read = async <T>(name: string): Promise<T> =>
    JSON.parse(await readFile(join(installation.dataDir, name), "utf8")) as T;
  const { clickhouseOwner } = await read<{ clickhouseOwner: string }>("secrets.json");
  const ports = await read<{ clickhouse: number }>("ports.json");
  const url = `http://millrace:${clickhouseOwner}@127.0.0.1:${ports.clickhouse}/millrace`;
  return createClickHouse(url, { name: "bench-bare" });
}

async function clickhouseCpuSeconds(installation: BenchInstallation): Promise<number> {
  return (await installation.readUsage()).cpuSeconds["clickhouse"] ?? 0;
}

export async function insertBare(installation: BenchInstallation): Promise<BareResult> {
  const builder = new EventsBlock();
  const blocks = Array.from({ length: distinctBlocks }, (_, block) => buildBlock(builder, block));
  const clickhouse = await connect(installation);
  try {
    const before = await clickhouseCpuSeconds(installation);
    const startedAtMs = performance.now();
    let inserted = 0;
    let next = 0;
    const lane = async (): Promise<void> => {
      while (performance.now() - startedAtMs < seconds * 1000) {
        const number = next;
        next += 1;
        const result = await clickhouse.exec({
          query: "INSERT INTO events FORMAT Native",
          values: Readable.from([blocks[number % distinctBlocks]], { objectMode: false }),
          clickhouse_settings: {
            insert_deduplication_token: `bare-${number}`,
            async_insert: 0,
            deduplicate_blocks_in_dependent_materialized_views: 1,
            max_insert_threads: "1",
            ...eventsInsertSettings,
          },
        });
        result.stream.resume();
        inserted += blockRows;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const elapsedSeconds = (performance.now() - startedAtMs) / 1000;
    const after = await clickhouseCpuSeconds(installation);
    return {
      rowsPerSecond: Math.round(inserted / elapsedSeconds),
      blockRows,
      cpuUsPerRow: Math.round(((after - before) * 1e8) / inserted) / 100,
    };
  } finally {
    await clickhouse.close();
  }
}
