// Worker processes are killed at random moments while alerts fire: every alert opens one incident, everybody is told
// at least once under one id, and no more often than processes died.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SavedAlert } from "#schemas/alerts/alert.ts";
import type { AlertNotification, Incident } from "#schemas/alerts/incident.ts";
import { callService } from "#streams/call-service.ts";
import { startQueryProcess } from "../testing/query-process.ts";
import { createRandom } from "../testing/simulate-trend.ts";
import { startBed, type Bed } from "../testing/worker-processes.ts";

const kills = 6;
const alertsOfRound = 3;
let bed: Bed;
let receiver: Server;
let projectId: number;
const received = new Map<string, AlertNotification[]>();
const stops: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  bed = await startBed();
  stops.push(() => bed.close());
  receiver = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(pieces).toString()) as AlertNotification;
      received.set(body.delivery_id, [...(received.get(body.delivery_id) ?? []), body]);
      // Slow enough to be killed in between.
      setTimeout(() => response.writeHead(200).end(), 100);
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  stops.push(() => void receiver.close());
  const { rows } = await bed.postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ('p', 'p') RETURNING id",
  );
  projectId = rows[0]?.id as number;
  await bed.clickhouse.command({
    query: `INSERT INTO events (project_id, event, user_number, event_id, timestamp, properties, received_at)
      SELECT ${projectId}, 'buy', number, toString(number), toDateTime64(${Math.floor(Date.now() / 60_000) * 60}, 3, 'UTC')
        - number * 60, '{}', now64(3) FROM numbers(600)`,
  });
  const query = await startQueryProcess(bed);
  stops.push(() => query.stop());
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

function call<T>(method: string, payload: object): Promise<T> {
  const options = { requestId: "r", projectId, timeoutMs: 5_000 };
  return callService(bed.connection, `svc.alerts.${method}`, payload, options) as Promise<T>;
}

/** A process that was started just now may be asked before it can answer. */
async function read<T>(method: string, payload: object): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call<T>(method, payload);
    } catch (error) {
      if (tries === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

it("tells of every incident though processes die", { timeout: 240_000 }, async () => {
  const seed = Date.now() % 100_000;
  console.log("seed", seed);
  const random = createRandom(seed);
  const { port } = receiver.address() as AddressInfo;
  const start = (instance: string) => bed.startWorkers(instance, { MILLRACE_WEBHOOK_PRIVATE: "127.0.0.0/8" });
  const processes = [start("workers-1"), start("workers-2")];
  for (let round = 0; round < kills; round += 1) {
    for (let made = 0; made < alertsOfRound;) {
      const alert = {
        name: `round ${round}`,
        query: { series: [{ event: "buy" }], interval: "hour" },
        rule: { type: "threshold", operator: "gte", value: 1 },
        destinations: [{ type: "webhook", url: `http://127.0.0.1:${port}/` }],
        grace_seconds: 0,
      };
      // While both start nobody answers; an answer that was lost with its process made an alert all the same.
      const done = await call("create", alert).then(
        () => true,
        () => false,
      );
      if (done) made += 1;
      else await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await new Promise((resolve) => setTimeout(resolve, random() * 600));
    const victim = round % 2;
    processes[victim]?.kill("SIGKILL");
    // Leases of the dead run out sooner than in life.
    await bed.postgres.query("UPDATE alerts SET lease_until = '-infinity'");
    await bed.postgres.query("UPDATE alert_deliveries SET lease_until = '-infinity'");
    processes[victim] = start(`workers-${round + 3}`);
  }
  const deadlineMs = performance.now() + 90_000;
  for (;;) {
    const { rows } = await bed.postgres.query<{ open: number }>(
      `SELECT (SELECT count(*) FROM alerts WHERE evaluated_at IS NULL)::int
            + (SELECT count(*) FROM alert_deliveries WHERE state = 'pending')::int AS open`,
    );
    if (rows[0]?.open === 0) break;
    if (performance.now() > deadlineMs) throw new Error(`${rows[0]?.open} are still open`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { alerts } = await read<{ alerts: SavedAlert[] }>("list", {});
  expect(alerts.length).toBeGreaterThanOrEqual(kills * alertsOfRound);
  const told = new Set<string>();
  for (const { id, state } of alerts) {
    expect(state).toBe("firing");
    const { incidents } = await read<{ incidents: Incident[] }>("incidents", { id });
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.deliveries).toMatchObject([{ kind: "opened", state: "delivered" }]);
    const delivery = incidents[0]?.deliveries[0]?.delivery_id as string;
    told.add(delivery);
    expect(received.get(delivery)?.[0]).toMatchObject({ type: "alert.opened", alert: { id } });
  }
  expect([...received.keys()].toSorted()).toEqual([...told].toSorted());
  const requests = [...received.values()].reduce((sum, { length }) => sum + length, 0);
  console.log(`${alerts.length} alerts, ${requests} requests, ${kills} kills`);
  // What was on its way when a process died, or when leases were ended early, is said again; never without end.
  expect(requests).toBeLessThanOrEqual(alerts.length + kills * alertsOfRound);
});
