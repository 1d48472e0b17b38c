// Stopping and losing the log: what was acknowledged is there, what was not is answered, nobody waits for long.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { connectNats } from "#streams/connect.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "./testing/start-edge.ts";

let dataDir: string;
let servers: Servers;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-drain-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
});

afterAll(async () => {
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function send(edge: EdgeUnderTest, id: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`${edge.url}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${testKeys.write}` },
    body: JSON.stringify({ event: "e", user_id: id, event_id: id }),
  });
  return { status: response.status, body: await response.text() };
}

test("an edge that is stopped under load answers what it took", async () => {
  const edge = await startEdge(servers.natsUrl);
  const acknowledged: string[] = [];
  const statuses = new Set<number>();
  let running = true;
  const senders = Array.from({ length: 16 }, async (_, sender) => {
    for (let number = 0; running; number += 1) {
      const id = `${sender}-${number}`;
      try {
        const { status } = await send(edge, id);
        statuses.add(status);
        if (status === 202) acknowledged.push(id);
        else break;
      } catch {
        // The connection was ended or refused: not acknowledged.
        break;
      }
    }
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 500);
  });
  const started = performance.now();
  await edge.stop();
  expect(performance.now() - started).toBeLessThan(3_000);
  running = false;
  await Promise.all(senders);
  const reader = await connectNats({
    url: servers.natsUrl,
    name: "reader",
    log: createLogger({ level: "error", name: "test" }),
  });
  const stored = new Set((await readLog(reader)).map((event) => event.event_id));
  await reader.close();
  expect(acknowledged.length).toBeGreaterThan(50);
  expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
  expect([...statuses].filter((status) => status !== 202 && status !== 503)).toEqual([]);
});

test("while the log is away, requests are refused at once after a few seconds, and taken when it is back", async () => {
  const edge = await startEdge(servers.natsUrl);
  expect((await send(edge, "before")).status).toBe(202);
  process.kill(servers.pids.nats as number, "SIGKILL");
  await servers.stop();
  await new Promise((resolve) => {
    setTimeout(resolve, 3_500);
  });
  const started = performance.now();
  const away = await send(edge, "away");
  expect(away.status).toBe(503);
  expect(away.body).toContain("LOG_UNAVAILABLE");
  expect(performance.now() - started).toBeLessThan(500);
  const ready = await fetch(`${edge.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('"missing":"log"');
  servers = await startServers({ dataDir, parts: ["nats"] });
  await expect.poll(async () => (await send(edge, "back")).status, { timeout: 10_000 }).toBe(202);
  await edge.stop();
});
