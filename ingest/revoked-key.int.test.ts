// A WebSocket whose key is revoked while it is open. With a log's server of its own: others' edges would be asked about the
// key too, and know it still.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { startEdge, testKeys, type EdgeUnderTest } from "./testing/start-edge.ts";

let dataDir: string;
let servers: Servers;
let edge: EdgeUnderTest;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-revoked-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
  edge = await startEdge(servers.natsUrl);
});

afterAll(async () => {
  await edge.stop();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

interface Answer {
  readonly ack?: number;
  readonly accepted?: number;
  readonly error?: { readonly code: string };
}

test("a key that is revoked opens nothing more, on a connection that was open before either", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/v1/ingest`);
  await new Promise((resolve) => (socket.onopen = resolve));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => (socket.onclose = resolve));
  const answers: Answer[] = [];
  const first = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => {
      answers.push(JSON.parse(String(data)) as Answer);
      resolve();
    };
  });
  socket.send(JSON.stringify({ key: testKeys.write }));
  socket.send(JSON.stringify({ event: "before", user_id: "u" }));
  await first;
  expect(answers).toMatchObject([{ ack: 1, accepted: 1 }]);
  edge.revoke(testKeys.write);
  // The edge is told within moments; until then frames are taken.
  for (let sent = 0; socket.readyState === WebSocket.OPEN && sent < 100; sent += 1) {
    socket.send(JSON.stringify({ event: "after", user_id: "u" }));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await closed).toMatchObject({ code: 4401, reason: "UNAUTHORIZED" });
  expect(answers.at(-1)?.error?.code).toBe("UNAUTHORIZED");
});
