import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import type { MillraceError } from "#schemas/errors.ts";
import { blockFingerprint, decodeBlock, schemaHeader } from "#schemas/events/block.ts";
import { encodeLong, encodeString } from "#schemas/events/event-text.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { ensureStreams, eventsStream } from "./catalogue.ts";
import { connectNats } from "./connect.ts";
import type { Commit } from "./publisher-block.ts";
import type { PublisherLimits } from "./publisher-limits.ts";
import { Publisher } from "./publisher.ts";

const log = createLogger({ level: "error", name: "test" });
const partitions = 4;
const logBytesMax = 64 * 1024 * 1024;

// A log of its own: it is killed, filled and emptied here.
let dataDir: string;
let servers: Servers;
let connection: NatsConnection;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-publisher-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
  connection = await connectNats({ url: servers.natsUrl, name: "test", log });
  await ensureStreams(connection, { partitions, replicas: 1, logBytesMax });
});

afterAll(async () => {
  await connection.close();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async () => {
  const manager = await jetstreamManager(connection);
  await manager.streams.purge(eventsStream);
});

function open(limits: Partial<PublisherLimits> = {}): Publisher {
  return new Publisher({ connection, partitions, log, limits });
}

function buildEvent(id: string, properties = "{}"): LogEvent {
  return {
    project_id: 1,
    event: "tested",
    event_id: id,
    user_id: "u",
    anonymous_id: "",
    session_id: "",
    timestamp: 1,
    received_at: 2,
    properties,
    context: "{}",
    user_agent: "",
  };
}

/** Appends events as one request and answers with what it is told. */
function append(
  publisher: Publisher,
  events: [partition: number, event: LogEvent][],
): Promise<MillraceError | undefined> {
  return new Promise((resolve) => {
    const commit: Commit = {
      outstanding: 0,
      failure: undefined,
      settled() {
        resolve(commit.failure);
      },
    };
    for (const [partition, event] of events) publisher.append(partition, event, commit);
  });
}

interface StoredBlock {
  subject: string;
  schema: string;
  messageId: string;
  ids: string[];
}

async function readBlocks(): Promise<StoredBlock[]> {
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(eventsStream);
  const blocks: StoredBlock[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(eventsStream, { seq });
    if (message === null) continue;
    const schema = message.header.get(schemaHeader);
    blocks.push({
      subject: message.subject,
      schema,
      messageId: message.header.get("Nats-Msg-Id"),
      ids: decodeBlock(message.data, schema).map((event) => event.event_id),
    });
  }
  return blocks;
}

test("requests of one turn share a block for each partition", async () => {
  const publisher = open();
  const outcomes = await Promise.all([
    append(publisher, [
      [0, buildEvent("a")],
      [1, buildEvent("b")],
    ]),
    append(publisher, [[0, buildEvent("c")]]),
  ]);
  expect(outcomes).toEqual([undefined, undefined]);
  const blocks = await readBlocks();
  expect(blocks.map(({ subject, ids }) => [subject, ids])).toEqual([
    ["events.0", ["a", "c"]],
    ["events.1", ["b"]],
  ]);
  expect(blocks.map(({ schema }) => schema)).toEqual([blockFingerprint, blockFingerprint]);
  expect(new Set(blocks.map(({ messageId }) => messageId)).size).toBe(2);
  await publisher.stop();
  expect(publisher.pendingBytes).toBe(0);
});

test("a block is closed when it is full, and a request waits for all its blocks", async () => {
  const publisher = open({ blockBytes: 2_000 });
  const events = Array.from({ length: 50 }, (_, index): [number, LogEvent] => [
    2,
    buildEvent(String(index), JSON.stringify({ text: "x".repeat(200) })),
  ]);
  expect(await append(publisher, events)).toBeUndefined();
  const blocks = await readBlocks();
  expect(blocks.length).toBeGreaterThan(5);
  expect(blocks.flatMap(({ ids }) => ids)).toEqual(events.map(([, event]) => event.event_id));
  await publisher.stop();
});

/** The parts of an event in the order of the block's schema. */
function encodeEvent(id: string): string {
  const { properties, context } = buildEvent(id);
  return (
    encodeLong(1) +
    ["tested", id, "u", "", ""].map(encodeString).join("") +
    encodeLong(1) +
    encodeLong(2) +
    [properties, context, ""].map(encodeString).join("")
  );
}

/** Appends an event that nobody waits for. */
function appendUnhurried(publisher: Publisher, partition: number, id: string): Promise<void> {
  return new Promise((resolve) => {
    const commit: Commit = { outstanding: 0, failure: undefined, settled: () => resolve() };
    publisher.appendUnhurried(partition, encodeEvent(id), commit);
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("events that nobody waits for gather over turns, and leave by themselves", async () => {
  const publisher = open({ lingerMs: 300 });
  const told: Promise<void>[] = [];
  for (const id of ["a", "b", "c"]) {
    told.push(appendUnhurried(publisher, 0, id));
    await turn();
    await connection.flush();
  }
  await Promise.all(told);
  expect((await readBlocks()).map(({ ids }) => ids)).toEqual([["a", "b", "c"]]);
  expect(publisher.pendingBytes).toBe(0);
  await publisher.stop();
});

test("they leave with the first event that somebody waits for, when their block is full, and with a stop", async () => {
  // Longer than the test may take.
  const publisher = open({ lingerMs: 600_000, blockBytes: 2_000 });
  const first = appendUnhurried(publisher, 0, "a");
  await turn();
  expect(await append(publisher, [[0, buildEvent("b")]])).toBeUndefined();
  await first;
  const full = Promise.all(
    Array.from({ length: 3 }, (_, index) => appendUnhurried(publisher, 1, `${index}`.repeat(700))),
  );
  await full;
  const last = appendUnhurried(publisher, 2, "d");
  await turn();
  await publisher.stop();
  await last;
  expect((await readBlocks()).map(({ ids }) => ids.map((id) => id[0]))).toEqual([
    ["a", "b"],
    ["0", "1", "2"],
    ["d"],
  ]);
});

test("a pace holds confirmations back, and a stop waits for those that are held", async () => {
  const publisher = open();
  publisher.pace(200);
  let isTold = false;
  const held = append(publisher, [[0, buildEvent("held")]]).then((failure) => {
    isTold = true;
    return failure;
  });
  await expect.poll(async () => (await readBlocks()).length).toBe(1);
  expect(isTold).toBe(false);
  await publisher.stop();
  expect(isTold).toBe(true);
  expect(await held).toBeUndefined();
});

test("refuses past the bound of pending bytes, and takes again when they are stored", async () => {
  const publisher = open({ pendingBytesMax: 1_000 });
  expect(publisher.refusal(900)).toBeUndefined();
  const stored = append(publisher, [[0, buildEvent("a", JSON.stringify({ text: "x".repeat(900) }))]]);
  expect(publisher.refusal(900)).toMatchObject({ code: "BEHIND", retryAfterSeconds: 1 });
  expect(await stored).toBeUndefined();
  expect(publisher.refusal(900)).toBeUndefined();
  await publisher.stop();
});

test("a full log fails what it refused, and nothing else is taken meanwhile", async () => {
  const manager = await jetstreamManager(connection);
  const { config } = await manager.streams.info(eventsStream);
  await manager.streams.update(eventsStream, { ...config, max_bytes: 64 * 1024 });
  const publisher = open();
  let refused: MillraceError | undefined;
  for (let index = 0; index < 10 && refused === undefined; index += 1) {
    refused = await append(publisher, [
      [0, buildEvent(`${index}`, JSON.stringify({ text: "x".repeat(20_000) }))],
    ]);
  }
  expect(refused).toMatchObject({ code: "BEHIND" });
  expect(publisher.refusal(1)).toMatchObject({ code: "BEHIND" });
  await publisher.stop();
  await manager.streams.update(eventsStream, config);
});

test("an unreachable log fails requests at the deadline, wherever they wait", async () => {
  const elsewhere = await connectNats({ url: servers.natsUrl, name: "elsewhere", log });
  const publisher = new Publisher({
    connection: elsewhere,
    partitions,
    log,
    limits: { deadlineMs: 500, retryMs: 100, gatherInFlightMax: 1, inFlightMax: 1 },
  });
  // Stopped, not killed: the connection stays and nothing answers.
  process.kill(servers.pids.nats as number, "SIGSTOP");
  try {
    // Its threads stop one after another; one that still runs could confirm the first block.
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    const started = performance.now();
    const outcomes = await Promise.all([
      append(publisher, [[0, buildEvent("a")]]),
      new Promise((resolve) => {
        setTimeout(() => resolve(append(publisher, [[1, buildEvent("b")]])), 50);
      }),
    ]);
    expect(outcomes).toEqual([
      expect.objectContaining({ code: "LOG_UNAVAILABLE" }),
      expect.objectContaining({ code: "LOG_UNAVAILABLE" }),
    ]);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(publisher.pendingBytes).toBe(0);
  } finally {
    process.kill(servers.pids.nats as number, "SIGCONT");
  }
  await publisher.stop();
  await elsewhere.close();
});

test("kill -9 of the log while publishing: nothing acknowledged is lost, nothing is stored twice", async () => {
  const publisher = open({ blockBytes: 4_000 });
  const acknowledged: string[] = [];
  let failures = 0;
  let running = true;
  let number = 0;
  const senders = Array.from({ length: 16 }, async () => {
    while (running) {
      const id = `k${number++}`;
      const outcome = await append(publisher, [[number % partitions, buildEvent(id)]]);
      if (outcome === undefined) acknowledged.push(id);
      else failures += 1;
    }
  });
  const recoveriesMs: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 300 + Math.random() * 300);
    });
    process.kill(servers.pids.nats as number, "SIGKILL");
    await servers.stop();
    servers = await startServers({ dataDir, parts: ["nats"] });
    const before = acknowledged.length;
    const started = performance.now();
    while (acknowledged.length === before) {
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
    recoveriesMs.push(Math.round(performance.now() - started));
  }
  running = false;
  await Promise.all(senders);
  await publisher.stop();
  const stored = (await readBlocks()).flatMap(({ ids }) => ids);
  console.log({ acknowledged: acknowledged.length, stored: stored.length, failures, recoveriesMs });
  expect(acknowledged.length).toBeGreaterThan(100);
  expect(new Set(stored).size).toBe(stored.length);
  const storedSet = new Set(stored);
  expect(acknowledged.filter((id) => !storedSet.has(id))).toEqual([]);
  // What was in flight leaves again on the reconnect, and does not wait for its retry.
  expect(Math.max(...recoveriesMs)).toBeLessThan(2_000);
});
