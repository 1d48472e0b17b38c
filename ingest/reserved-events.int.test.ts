// Events that the server makes itself come in from nobody else, wherever events come in; what was kept aside of them
// may come in again.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { serve } from "#streams/services.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "./testing/start-edge.ts";

let dataDir: string;
let servers: Servers;
let edge: EdgeUnderTest;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-reserved-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
  edge = await startEdge(servers.natsUrl);
});

afterAll(async () => {
  await edge.stop();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function post(path: string, body: object, key: string = testKeys.write): Promise<string> {
  const response = await fetch(edge.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.text();
}

const names = async (): Promise<string[]> => (await readLog(edge.connection)).map(({ event }) => event);
const click = { event: "link.clicked", properties: { link_id: "lnk_1", bot: false, preview: false } };

test("over HTTP, alone and among others", async () => {
  expect(await post("/v1/events", { ...click, user_id: "u" })).toContain('"EVENT_NAME_RESERVED"');
  const batch = [
    { ...click, user_id: "u" },
    { event: "good", user_id: "u" },
    { event: "link.opened", user_id: "u" },
  ];
  expect(JSON.parse(await post("/v1/events", { batch }))).toMatchObject({
    accepted: 2,
    rejected: [{ index: 0, code: "EVENT_NAME_RESERVED" }],
  });
  expect(await names()).toEqual(["good", "link.opened"]);
});

test("over a WebSocket", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/v1/ingest`);
  const answered = new Promise<string>((resolve) => {
    socket.onmessage = ({ data }) => {
      if (String(data).includes('"ack"')) resolve(String(data));
    };
  });
  await new Promise((resolve) => (socket.onopen = resolve));
  socket.send(JSON.stringify({ key: testKeys.write }));
  socket.send(JSON.stringify({ ...click, user_id: "u" }));
  expect(await answered).toContain('"EVENT_NAME_RESERVED"');
  socket.close();
});

test("by the addresses of other clients", async () => {
  const { event, properties } = click;
  const segment = { writeKey: testKeys.write, type: "track", userId: "u", event, properties };
  await post("/v1/track", segment);
  await post("/v1/batch", {
    writeKey: testKeys.write,
    batch: [segment, { ...segment, event: "by segment" }],
  });
  const posthog = { api_key: testKeys.write, event, distinct_id: "d", properties };
  await post("/capture/", posthog);
  await post("/batch/", { api_key: testKeys.write, batch: [posthog, { ...posthog, event: "by posthog" }] });
  const stored = await names();
  expect(stored).toEqual(expect.arrayContaining(["by segment", "by posthog"]));
  expect(stored).not.toContain("link.clicked");
});

test("again what was kept aside of our own, and nothing that a patch made of another", async () => {
  const log = createLogger({ level: "error", name: "test" });
  const payload = (id: string, event: string): object => ({
    event,
    event_id: id,
    user_id: "",
    anonymous_id: "visitor",
    session_id: "",
    timestamp: Date.now(),
    properties: JSON.stringify(click.properties),
    context: "{}",
    user_agent: "",
  });
  const query = serve(edge.connection, {
    service: "query",
    log,
    methods: {
      quarantined_payloads: async () => ({
        payloads: [payload("own", "link.clicked"), payload("other", "opened")],
        stored: [],
        next: null,
        asOf: "x",
      }),
    },
  });
  const plans = serve(edge.connection, {
    service: "plans",
    log,
    methods: { close_quarantined: async () => null },
  });
  const patched = await post("/v1/quarantine/replay", { patch: { event: "link.clicked" } }, testKeys.admin);
  expect(JSON.parse(patched)).toMatchObject({
    replayed: 1,
    rejected: [{ event_id: "other", code: "EVENT_NAME_RESERVED" }],
  });
  expect(JSON.parse(await post("/v1/quarantine/replay", {}, testKeys.admin))).toMatchObject({ replayed: 2 });
  const ids = (await readLog(edge.connection))
    .filter(({ event }) => event === "link.clicked")
    .map((each) => each.event_id);
  expect(new Set(ids)).toEqual(new Set(["own"]));
  await Promise.all([query.stop(), plans.stop()]);
});
