// Alerts over real stores and a process of the query tier: what is stored decides, and receivers are real servers.
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { readConfig } from "#ops/runtime/config.ts";
import type { SavedAlert } from "#schemas/alerts/alert.ts";
import type { AlertNotification, Delivery, Incident } from "#schemas/alerts/incident.ts";
import { callService } from "#streams/call-service.ts";
import { startQueryProcess } from "../testing/query-process.ts";
import { startBed, type Bed } from "../testing/worker-processes.ts";
import { startAlerts } from "./start-alerts.ts";

const secret = "whsec_planted_1234";
const hourMarginMs = 40_000;
let bed: Bed;
let projectId: number;
let receiver: Server;
let url: string;
let received: { headers: IncomingHttpHeaders; body: string }[] = [];
/** What the receiver answers to the next requests; then 200. */
let statuses: number[] = [];
const stops: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  bed = await startBed();
  stops.push(() => bed.close());
  receiver = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      received.push({ headers: request.headers, body: Buffer.concat(pieces).toString() });
      response.writeHead(statuses.shift() ?? 200, { Location: "/elsewhere" }).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  stops.push(() => void receiver.close());
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const query = await startQueryProcess(bed);
  stops.push(() => query.stop());
  const alerts = startAlerts({
    config: readConfig({
      MILLRACE_NATS_URL: bed.servers.natsUrl,
      MILLRACE_POSTGRES_URL: bed.servers.postgresUrl,
      MILLRACE_CLICKHOUSE_URL: bed.servers.clickhouseUrl,
      MILLRACE_WEBHOOK_PRIVATE: "127.0.0.0/8",
      MILLRACE_SECRETS_KEY: "a key of this test",
    }),
    connection: bed.connection,
    postgres: bed.postgres,
    registry: new Registry(),
    onChange: async () => undefined,
    log: bed.log,
  });
  stops.push(() => alerts.stop());
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

beforeEach(async () => {
  // Which hour is the last whole one must not change within a test.
  const leftMs = 3_600_000 - (Date.now() % 3_600_000);
  if (leftMs < hourMarginMs) await new Promise((resolve) => setTimeout(resolve, leftMs + 1_000));
  received = [];
  statuses = [];
  const name = crypto.randomUUID();
  const { rows } = await bed.postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ($1, $1) RETURNING id",
    [name],
  );
  projectId = rows[0]?.id as number;
}, 120_000);

function call<T>(method: string, payload: object, id?: string): Promise<T> {
  return callService(bed.connection, `svc.alerts.${method}`, payload, {
    requestId: "r",
    projectId,
    timeoutMs: 20_000,
    ...(id === undefined ? {} : { parameters: { id } }),
  }) as Promise<T>;
}

/** `count` events, `hoursAgo` hours before the hour that is open now. */
async function insert(count: number, hoursAgo: number, value = 1): Promise<void> {
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600 - hoursAgo * 3_600;
  await bed.clickhouse.command({
    query: `INSERT INTO events (project_id, event, user_number, event_id, timestamp, properties, received_at)
      SELECT ${projectId}, 'buy', number % 50, toString(generateUUIDv4()),
        toDateTime64(${hour}, 3, 'UTC') + number % 3600, '{"amount":${value}}', now64(3) FROM numbers(${count})`,
  });
}

const query = { series: [{ event: "buy" }], interval: "hour" };

function threshold(operator: string, value: number, more: object = {}): object {
  return {
    name: "buys",
    query,
    rule: { type: "threshold", operator, value },
    destinations: [{ type: "webhook", url, secret }],
    grace_seconds: 0,
    ...more,
  };
}

async function until<T>(look: () => Promise<T | undefined>, msMax = 15_000): Promise<T> {
  const deadlineMs = performance.now() + msMax;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function evaluated(id: string): Promise<SavedAlert> {
  return until(async () => {
    const alert = await call<SavedAlert>("get", { id });
    return alert.evaluated_at === null ? undefined : alert;
  });
}

/** As if the last bucket had not been looked at yet: the next one is it. */
async function oneBucketBack(id: string): Promise<void> {
  await bed.postgres.query(
    `UPDATE alerts SET evaluated_until = evaluated_until - interval '1 hour', evaluated_at = NULL,
       generation = generation + 1, due_at = '-infinity' WHERE public_id = $1`,
    [id],
  );
}

async function history(id: string): Promise<Incident[]> {
  return (await call<{ incidents: Incident[] }>("incidents", { id })).incidents;
}

async function told(id: string, count: number): Promise<Incident[]> {
  return until(async () => {
    const incidents = await history(id);
    const ended = incidents
      .flatMap(({ deliveries }) => deliveries)
      .filter(({ state }) => state !== "pending");
    return ended.length === count ? incidents : undefined;
  });
}

it("tells once that a threshold was passed and once that it is over, signed", async () => {
  await insert(30, 1);
  const alert = await call<SavedAlert>("create", threshold("gt", 20));
  expect(alert).toMatchObject({ state: "pending", enabled: true, destinations: [{ url, signed: true }] });
  const firing = await evaluated(alert.id);
  expect(firing).toMatchObject({ state: "firing", latest: { value: 30, expected: { high: 20 } } });
  const [opened] = await told(alert.id, 1);
  expect(opened).toMatchObject({ closed_at: null, opened_by: { value: 30 } });

  const [request] = received;
  const body = JSON.parse(request?.body ?? "") as AlertNotification;
  expect(body).toMatchObject({
    type: "alert.opened",
    alert: { id: alert.id, name: "buys" },
    bucket: { value: 30 },
  });
  expect(request?.headers["millrace-delivery"]).toBe(body.delivery_id);
  const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(
    String(request?.headers["millrace-signature"]),
  ) as RegExpExecArray;
  const signed = `${seconds}.${request?.body}`;
  expect(signature).toBe(createHmac("sha256", secret).update(signed).digest("hex"));

  // The same bucket again still fires: nobody is told twice.
  await oneBucketBack(alert.id);
  expect(await evaluated(alert.id)).toMatchObject({ state: "firing" });
  await bed.postgres.query("UPDATE alerts SET rule = jsonb_set(rule, '{value}', '40') WHERE public_id = $1", [
    alert.id,
  ]);
  await oneBucketBack(alert.id);
  expect(await evaluated(alert.id)).toMatchObject({ state: "ok" });
  const [closed] = await told(alert.id, 2);
  expect(closed).toMatchObject({ close_reason: "resolved", closed_by: { value: 30 } });
  expect(received.map(({ body: text }) => (JSON.parse(text) as AlertNotification).type)).toEqual([
    "alert.opened",
    "alert.closed",
  ]);
});

it("events that come in the grace time count", async () => {
  await insert(5, 1);
  const secondsIntoHour = Math.floor((Date.now() % 3_600_000) / 1_000);
  const alert = await call<SavedAlert>(
    "create",
    threshold("gt", 20, { grace_seconds: secondsIntoHour + 5, destinations: [] }),
  );
  // The hour before last is what has ended and was waited for.
  expect(await evaluated(alert.id)).toMatchObject({ state: "ok", latest: { value: 0 } });
  await insert(30, 1);
  const firing = await until(async () => {
    const now = await call<SavedAlert>("get", { id: alert.id });
    return now.state === "firing" ? now : undefined;
  });
  expect(firing.latest).toMatchObject({ value: 35 });
});

it("an anomaly in a sum and one in a count of a formula are found, quiet hours are not", async () => {
  const weeks = 7;
  await bed.clickhouse.command({
    query: `INSERT INTO events (project_id, event, user_number, event_id, timestamp, properties, received_at)
      SELECT ${projectId}, 'buy', number, toString(generateUUIDv4()),
        toDateTime64(${Math.floor(Date.now() / 3_600_000) * 3_600}, 3, 'UTC')
          - toIntervalSecond(intDiv(number, 20) * 3600 + 1 + cityHash64(number) % 3000),
        concat('{"amount":', toString(8 + cityHash64(number) % 5), '}'), now64(3)
      FROM numbers(${weeks * 168 * 20}) WHERE cityHash64(number, 'x') % 10 > 0`,
  });
  const anomaly = (change: object): object => ({
    name: "odd",
    query: { ...query, ...change },
    rule: { type: "anomaly", direction: "both" },
    destinations: [],
    grace_seconds: 0,
  });
  const sum = { series: [{ event: "buy", math: "sum", property: "amount" }], timezone: "Europe/Amsterdam" };
  const ratio = {
    series: [{ event: "buy", math: "sum", property: "amount" }, { event: "buy" }],
    formula: "A / B",
  };
  const made: SavedAlert[] = [];
  for (const change of [{}, sum, ratio]) made.push(await call<SavedAlert>("create", anomaly(change)));
  for (const { id } of made) {
    const quiet = await evaluated(id);
    expect(quiet).toMatchObject({ state: "ok" });
    expect(quiet.latest?.expected.value).toBeGreaterThan(0);
  }
  await insert(200, 1, 100);
  for (const { id } of made) {
    await oneBucketBack(id);
    expect(await evaluated(id)).toMatchObject({ state: "firing" });
  }
});

it("a receiver that fails is tried again with the same id and body; what comes later waits for it", async () => {
  statuses = [500, 302];
  await insert(30, 1);
  const alert = await call<SavedAlert>("create", threshold("gt", 20));
  const due = async (): Promise<void> => {
    await bed.postgres.query(
      "UPDATE alert_deliveries SET due_at = now() WHERE state = 'pending' AND lease_until <= now()",
    );
  };
  // An attempt is counted when it begins; what became of it is known later.
  const attempts = (count: number, status: number): Promise<Delivery> =>
    until(async () => {
      const delivery = (await history(alert.id))[0]?.deliveries[0];
      return delivery?.attempts === count && delivery.last_status === status ? delivery : undefined;
    });
  expect(await attempts(1, 500)).toMatchObject({ state: "pending" });
  // Disabling closes: that is told after the opening, not before.
  const disabled = await call<SavedAlert>("replace", threshold("gt", 20, { enabled: false }), alert.id);
  expect(disabled).toMatchObject({
    state: "disabled",
    next_evaluation_at: null,
    destinations: [{ signed: true }],
  });
  await due();
  expect(await attempts(2, 302)).toMatchObject({ state: "pending" });
  expect(received).toHaveLength(2);
  await due();
  const [incident] = await told(alert.id, 2);
  expect(incident?.close_reason).toBe("disabled");
  const bodies = received.map(({ body }) => JSON.parse(body) as AlertNotification);
  expect(bodies.map(({ type }) => type)).toEqual([
    "alert.opened",
    "alert.opened",
    "alert.opened",
    "alert.closed",
  ]);
  expect(new Set(received.slice(0, 3).map(({ body }) => body)).size).toBe(1);
});

it("tests tell what became of them; addresses that may not be reached are refused", async () => {
  const natsPort = new URL(bed.servers.natsUrl).port;
  const destinations = [
    { type: "webhook", url },
    { type: "webhook", url: "http://10.1.2.3/" },
    { type: "webhook", url: `http://127.0.0.1:${natsPort}/` },
    { type: "webhook", url: "http://[::1]:9/" },
  ];
  const alert = await call<SavedAlert>("create", threshold("gt", 1, { destinations }));
  const { deliveries } = await call<{ deliveries: Delivery[] }>("test", { id: alert.id });
  expect(deliveries.map(({ state, last_status }) => [state, last_status])).toEqual([
    ["delivered", 200],
    ["failed", null],
    ["failed", null],
    ["failed", null],
  ]);
  for (const { last_error } of deliveries.slice(1)) expect(last_error).toContain("not public");
  const test = received.find(({ body }) => (JSON.parse(body) as AlertNotification).type === "alert.test");
  expect(test?.headers["millrace-signature"]).toBeUndefined();
});

it("secrets are never answered, stay when an alert is replaced, and go when asked", async () => {
  const destinations = [{ type: "webhook", url }];
  const alert = await call<SavedAlert>("create", threshold("gt", 1_000_000));
  const kept = await call<SavedAlert>("replace", threshold("gt", 1_000_000, { destinations }), alert.id);
  const listed = await call<unknown>("list", {});
  expect(JSON.stringify([alert, kept, listed])).not.toContain(secret);
  // Nor does a copy of the database tell them.
  const { rows } = await bed.postgres.query<{ destinations: string }>(
    'SELECT destinations::text FROM alerts WHERE destinations::text LIKE \'%"secret": "%\'',
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(JSON.stringify(rows)).not.toContain(secret);
  expect(kept.destinations).toEqual(alert.destinations);
  const removed = await call<SavedAlert>(
    "replace",
    threshold("gt", 1_000_000, { destinations: [{ type: "webhook", url, secret: null }] }),
    alert.id,
  );
  expect(removed.destinations).toMatchObject([{ signed: false }]);
  await call("delete", { id: alert.id });
  await expect(call("get", { id: alert.id })).rejects.toMatchObject({ code: "ALERT_NOT_FOUND" });
});

it("wrong alerts are refused with the path of what is wrong", async () => {
  const cases: [object, string, string][] = [
    [threshold("above", 1), "INVALID_BODY", "rule.operator"],
    [threshold("gt", 1, { query: { ...query, interval: "year" } }), "INVALID_QUERY", "query.interval"],
    [threshold("gt", 1, { query: { ...query, from: "2026-01-01" } }), "INVALID_QUERY", "query.from"],
    [threshold("gt", 1, { query: { series: [{}, {}] } }), "INVALID_QUERY", "query.series"],
    [
      threshold("gt", 1, { query: { series: [{ math: "sum" }] } }),
      "INVALID_QUERY",
      "query.series[0].property",
    ],
    [
      threshold("gt", 1, { rule: { type: "anomaly" }, query: { series: [{}], interval: "week" } }),
      "INVALID_QUERY",
      "query.interval",
    ],
    [
      threshold("gt", 1, { destinations: [{ type: "webhook", url: "ftp://a/" }] }),
      "INVALID_BODY",
      "destinations[0].url",
    ],
    [
      threshold("gt", 1, { destinations: [{ type: "webhook", url: "http://u:p@a/" }] }),
      "INVALID_BODY",
      "destinations[0].url",
    ],
    [
      threshold("gt", 1, { destinations: [{ type: "email", to: "a@b.example" }] }),
      "INVALID_BODY",
      "destinations[0].type",
    ],
  ];
  for (const [body, code, path] of cases) {
    await expect(call("create", body), path).rejects.toMatchObject({ code, details: [{ path }] });
  }
});
