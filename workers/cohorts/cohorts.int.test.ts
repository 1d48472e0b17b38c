// Cohorts as others see them: through the service on NATS, over the real servers and a process of the query tier.
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cohort, CohortUsers } from "#schemas/cohorts/cohort.ts";
import { MillraceError } from "#schemas/errors.ts";
import { callService } from "#streams/call-service.ts";
import { startQueryProcess } from "../testing/query-process.ts";
import { startBed, type Bed } from "../testing/worker-processes.ts";
import { CohortRefresher } from "./cohort-refresher.ts";
import { serveCohorts } from "./cohort-service.ts";
import { CohortStore } from "./cohort-store.ts";
import { createCohortMetrics } from "./metrics.ts";
import { RefreshLedger } from "./refresh-ledger.ts";

const dayMs = 86_400_000;
let bed: Bed;
let projectId: number;
let refresher: CohortRefresher;
const stops: (() => Promise<void> | void)[] = [];
const registry = new Registry();

beforeAll(async () => {
  bed = await startBed();
  stops.push(() => bed.close());
  const { rows } = await bed.postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ('p', 'p') RETURNING id",
  );
  projectId = rows[0]?.id as number;
  const query = await startQueryProcess(bed);
  stops.push(() => query.stop());
  const { connection, postgres, clickhouse, log } = bed;
  const ledger = new RefreshLedger(postgres);
  const metrics = createCohortMetrics(registry, ledger);
  // Failures are provoked here: what is logged of them is expected.
  const quiet = log.child({}, { level: "fatal" });
  refresher = new CohortRefresher({
    stores: { connection, postgres, clickhouse },
    ledger,
    metrics,
    log: quiet,
  });
  refresher.start();
  stops.push(() => refresher.stop());
  const service = serveCohorts({ connection, store: new CohortStore(postgres), refresher, clickhouse, log });
  stops.push(() => service.stop());
  // u1 bought 1 time, u2 2 times … u6 6 times, in the last days; a9 once, long ago.
  for (let user = 1; user <= 6; user += 1) await addUser(user, `u:u${user}`);
  await addUser(9, "a:a9");
  await addEvents(
    [1, 2, 3, 4, 5, 6].flatMap((user) =>
      Array.from({ length: user }, (_, times) => [user, "buy", times + 0.5]),
    ),
  );
  await addEvents([[9, "buy", 100]]);
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

async function addUser(number: number, key: string): Promise<void> {
  await bed.postgres.query("INSERT INTO user_numbers VALUES ($1, $2, $3, 0)", [projectId, key, number]);
}

async function addEvents(events: readonly (readonly (string | number)[])[]): Promise<void> {
  await bed.clickhouse.insert({
    table: "events",
    values: events.map(([user, event, daysAgo], index) => ({
      project_id: projectId,
      event,
      user_number: user,
      event_id: `${String(event)}-${String(user)}-${index}`,
      timestamp: Date.now() - Number(daysAgo) * dayMs,
      properties: {},
      received_at: Date.now(),
    })),
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });
}

function call<T>(subject: string, payload: object, parameters?: Record<string, string>): Promise<T> {
  return callService(bed.connection, subject, payload, {
    requestId: "r",
    projectId,
    timeoutMs: 30_000,
    ...(parameters === undefined ? {} : { parameters }),
  }) as Promise<T>;
}

const create = (body: object): Promise<Cohort> => call("svc.cohorts.create", body);
const createCsv = (csv: string, parameters: Record<string, string>): Promise<Cohort> =>
  call("svc.cohorts.create", Buffer.from(csv), { ...parameters, content_type: "text/csv; charset=utf-8" });
const find = (id: string): Promise<Cohort> => call("svc.cohorts.get", { id });
const list = async (): Promise<Cohort[]> =>
  (await call<{ cohorts: Cohort[] }>("svc.cohorts.list", {})).cohorts;
const page = (id: string, more: object = {}): Promise<CohortUsers> =>
  call("svc.query.cohort_users", { id, ...more });
const usersOf = async (id: string): Promise<string[]> => (await page(id)).users;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof MillraceError)
      return `${error.code} ${JSON.stringify(error.details)} ${error.message}`;
    throw error;
  }
  return "no error";
}

/** Asks for a refresh now and waits for its end, whatever that is. */
async function refreshed(id: string): Promise<Cohort> {
  const ended = "SELECT ended_generation AS ended FROM cohorts WHERE public_id = $1";
  const before = (await bed.postgres.query<{ ended: string }>(ended, [id])).rows[0]?.ended;
  await bed.postgres.query("UPDATE cohorts SET refresh_due_at = '-infinity' WHERE public_id = $1", [id]);
  refresher.wake();
  await expect
    .poll(async () => (await bed.postgres.query<{ ended: string }>(ended, [id])).rows[0]?.ended, {
      timeout: 10_000,
    })
    .not.toBe(before);
  return find(id);
}

describe("a behavioural cohort", () => {
  it("is filled before its creation answers, and says how fresh it is", async () => {
    const beforeMs = Date.now();
    const definition = { did: { event: "buy", at_least: 3, days: 30 } };
    const cohort = await create({ name: "buyers", definition });
    expect(cohort).toMatchObject({
      name: "buyers",
      type: "behavioural",
      size: 4,
      state: "ready",
      definition,
      refresh_error: null,
      refresh_failures: 0,
    });
    expect(Date.parse(cohort.refreshed_at ?? "")).toBeGreaterThanOrEqual(beforeMs);
    expect(await usersOf(cohort.id)).toEqual(["u3", "u4", "u5", "u6"]);
    expect(await find(cohort.id)).toEqual(cohort);
    const listed = (await list()).find(({ id }) => id === cohort.id);
    expect(listed).toEqual({ ...cohort, definition: undefined });
  });

  it("answers its users page by page", async () => {
    const { id } = await create({ name: "all", definition: { did: { event: "buy" } } });
    const first = await page(id, { limit: "3" });
    expect(first.users).toEqual(["u1", "u2", "u3"]);
    const second = await page(id, { limit: "3", cursor: first.next });
    expect(second.users).toEqual(["u4", "u5", "u6"]);
    const last = await page(id, { limit: "3", cursor: second.next });
    expect(last).toMatchObject({ users: ["a9"], next: null });
    expect(await codeOf(page(id, { limit: "0" }))).toMatch(/^INVALID_PARAMETER .*"limit"/);
    expect(await codeOf(page(id, { limit: "1001" }))).toMatch(/^INVALID_PARAMETER/);
    expect(await codeOf(page(id, { cursor: "x" }))).toMatch(/^INVALID_PARAMETER .*"cursor"/);
    expect(await codeOf(page(id, { page: "2" }))).toMatch(/^INVALID_PARAMETER .*"page"/);
    expect(await codeOf(page("nowhere"))).toMatch(/^COHORT_NOT_FOUND/);
  });

  it("takes in an event that arrives late, and lets go who did too much, with its next refresh", async () => {
    const most = await create({
      name: "at most",
      definition: { did: { event: "late", at_most: 1, days: 7 } },
    });
    expect(most.size).toBe(0);
    await addEvents([
      [1, "late", 3],
      [2, "late", 6.9],
      [3, "late", 7.1],
    ]);
    expect((await refreshed(most.id)).size).toBe(2);
    await addEvents([[1, "late", 2]]);
    expect((await refreshed(most.id)).size).toBe(1);
    expect(await usersOf(most.id)).toEqual(["u2"]);
  });

  it("is refreshed within a minute without being asked", { timeout: 70_000 }, async () => {
    const { id } = await create({ name: "own accord", definition: { did: { event: "by itself" } } });
    await addEvents([[4, "by itself", 1]]);
    await expect.poll(async () => usersOf(id), { timeout: 60_000, interval: 500 }).toEqual(["u4"]);
  });

  it("counts persons, and follows a join that comes after its refresh", async () => {
    await addUser(21, "u:joined");
    await addUser(22, "a:joined-too");
    await addEvents([
      [21, "twice", 1],
      [22, "twice", 1],
    ]);
    const once = await create({ name: "once", definition: { did: { event: "twice" } } });
    const twice = await create({ name: "twice", definition: { did: { event: "twice", at_least: 2 } } });
    expect([once.size, twice.size]).toEqual([2, 0]);
    await bed.postgres.query("INSERT INTO user_persons VALUES ($1, 22, 21)", [projectId]);
    await bed.clickhouse.insert({
      table: "persons",
      values: [{ project_id: projectId, user_number: 22, person_number: 21, version: 1 }],
      format: "JSONEachRow",
    });
    expect(await usersOf(once.id)).toEqual(["joined"]);
    expect((await refreshed(once.id)).size).toBe(1);
    expect((await refreshed(twice.id)).size).toBe(1);
    expect(await usersOf(twice.id)).toEqual(["joined"]);
  });

  it("filters queries", async () => {
    const { id } = await create({ name: "filter", definition: { did: { event: "buy", at_least: 5 } } });
    const ask = { from: Date.now() - 30 * dayMs, series: [{ event: "buy" }] };
    const totalOf = async (filters: object[]): Promise<number | undefined> =>
      (await call<{ series: { total: number }[] }>("svc.query.trends", { ...ask, filters })).series[0]?.total;
    expect(await totalOf([{ cohort: id }])).toBe(11);
    expect(await totalOf([{ cohort: id, negate: true }])).toBe(10);
  });

  it("is not written again while nobody comes or goes", async () => {
    const { id } = await create({ name: "quiet", definition: { did: { event: "buy", at_least: 6 } } });
    const generations = async (): Promise<string> => {
      const result = await bed.clickhouse.query({
        query: `SELECT toString(groupArray(generation)) AS all FROM cohort_members WHERE cohort_id = {id:UInt32}`,
        query_params: {
          id: (await bed.postgres.query<{ id: number }>("SELECT id FROM cohorts WHERE public_id = $1", [id]))
            .rows[0]?.id,
        },
        format: "JSONEachRow",
      });
      return (await result.json<{ all: string }>())[0]?.all as string;
    };
    expect(await generations()).toBe("[1]");
    const cohort = await refreshed(id);
    expect(cohort.size).toBe(1);
    expect(await generations()).toBe("[1]");
  });
});

describe("a cohort of cohorts", () => {
  it("sees the other's members, and keeps it from being deleted", async () => {
    const base = await create({ name: "base", definition: { did: { event: "buy", at_least: 2 } } });
    const rest = await create({
      name: "rest",
      definition: { and: [{ did: { event: "buy", days: 30 } }, { cohort: base.id, negate: true }] },
    });
    expect(await usersOf(rest.id)).toEqual(["u1"]);
    const refusal = await codeOf(call("svc.cohorts.delete", { id: base.id }));
    expect(refusal).toMatch(/^CONFLICT .*"rest"/);
    expect(refusal).toContain(rest.id);
    expect((await find(base.id)).size).toBe(5);
    await call("svc.cohorts.delete", { id: rest.id });
    await call("svc.cohorts.delete", { id: base.id });
    expect(await codeOf(find(base.id))).toMatch(/^COHORT_NOT_FOUND/);
    expect(await codeOf(page(base.id))).toMatch(/^COHORT_NOT_FOUND/);
    expect((await list()).map(({ id }) => id)).not.toContain(base.id);
    expect(await codeOf(create({ name: "again", definition: { cohort: base.id } }))).toMatch(
      /^INVALID_QUERY .*definition\.cohort/,
    );
  });
});

describe("a static cohort", () => {
  it("finds users and anonymous ids, and those who come later", async () => {
    const cohort = await create({ name: "list", ids: ["u2", "a9", "later", "u2"] });
    expect(cohort).toMatchObject({ type: "static", size: 2, ids: 3, state: "ready" });
    expect(await usersOf(cohort.id)).toEqual(["u2", "a9"]);
    await addUser(31, "u:later");
    expect((await refreshed(cohort.id)).size).toBe(3);
    expect(await usersOf(cohort.id)).toEqual(["u2", "a9", "later"]);
  });

  it("takes ids as CSV, with and without a line of names", async () => {
    const named = await createCsv('﻿email,user_id\r\nx@y.test,u1\r\n"a,b","u3"\r\n', { name: "named" });
    expect(await usersOf(named.id)).toEqual(["u1", "u3"]);
    const asked = await createCsv("first,second\nu1,u2\nu3,u4\n", { name: "asked", column: "second" });
    expect(await usersOf(asked.id)).toEqual(["u2", "u4"]);
    const bare = await createCsv("u5\n\nu6\nu5", { name: "bare" });
    expect([await usersOf(bare.id), bare.ids]).toEqual([["u5", "u6"], 2]);
    expect(await codeOf(createCsv("a,b\n1,2", { name: "x", column: "c" }))).toMatch(
      /^INVALID_PARAMETER .*column/,
    );
    expect(await codeOf(createCsv("a", {}))).toMatch(/^INVALID_PARAMETER .*name/);
    expect(await codeOf(createCsv('u1\n"u2', { name: "x" }))).toMatch(/^INVALID_BODY .*line/);
    expect(await codeOf(createCsv(`u1\n${"x".repeat(201)}`, { name: "x" }))).toMatch(
      /^INVALID_BODY .*"line":2/,
    );
  });

  it("grows by more ids, which a cohort with a rule does not take", async () => {
    const cohort = await create({ name: "grows", ids: ["u1"] });
    const add = (id: string, ids: unknown): Promise<Cohort> =>
      call("svc.cohorts.add_ids", { ids: ids as object }, { id, content_type: "application/json" });
    expect(await add(cohort.id, ["u1", "u2", "u3"])).toMatchObject({ size: 3, ids: 3 });
    expect(await codeOf(add(cohort.id, []))).toMatch(/^INVALID_BODY .*ids/);
    expect(await codeOf(add("nowhere", ["u1"]))).toMatch(/^COHORT_NOT_FOUND/);
    const rule = await create({ name: "rule", definition: { did: {} } });
    expect(await codeOf(add(rule.id, ["u1"]))).toMatch(/^CONFLICT/);
  });

  it("takes as many ids as a request may hold", async () => {
    const ids = Array.from({ length: 100_000 }, (_, index) => `many-${index}`);
    await bed.postgres.query(
      "INSERT INTO user_numbers SELECT $1, 'u:many-' || each, 1000 + each, 0 FROM generate_series(0, 99999) AS each",
      [projectId],
    );
    expect(await create({ name: "many", ids })).toMatchObject({ size: 100_000, state: "ready" });
    expect(await codeOf(create({ name: "more", ids: [...ids, "one"] }))).toMatch(/^INVALID_BODY .*ids/);
  });

  it("has nobody while nobody is known", async () => {
    const nobody = await create({ name: "nobody", ids: ["who", "whom"] });
    expect(nobody).toMatchObject({ size: 0, state: "ready" });
    expect(await page(nobody.id)).toMatchObject({ users: [], next: null });
  });
});

describe("a request that is wrong", () => {
  const definition = { did: { event: "buy" } };
  const cases: { name: string; body: unknown; expected: RegExp }[] = [
    { name: "no name", body: { definition }, expected: /^INVALID_BODY .*"name"/ },
    { name: "neither", body: { name: "x" }, expected: /^INVALID_BODY .*"definition"/ },
    { name: "both", body: { name: "x", definition, ids: ["a"] }, expected: /^INVALID_BODY .*"definition"/ },
    {
      name: "an unknown field",
      body: { name: "x", definition, color: 1 },
      expected: /^INVALID_BODY .*"color"/,
    },
    { name: "a list", body: [], expected: /^INVALID_BODY/ },
    {
      name: "an id that is no text",
      body: { name: "x", ids: ["a", 3] },
      expected: /^INVALID_BODY .*"ids\[1\]"/,
    },
    {
      name: "a wrong definition",
      body: { name: "x", definition: { and: [{ did: { days: 0 } }] } },
      expected: /^INVALID_QUERY .*"definition\.and\[0\]\.did\.days"/,
    },
    {
      name: "an unknown cohort",
      body: { name: "x", definition: { not: { cohort: "who" } } },
      expected: /^INVALID_QUERY .*"definition\.not\.cohort"/,
    },
  ];
  for (const { name, body, expected } of cases) {
    it(`is refused by its path and leaves nothing: ${name}`, async () => {
      const before = (await list()).length;
      expect(await codeOf(create(body as object))).toMatch(expected);
      expect((await list()).length).toBe(before);
    });
  }
});

describe("a refresh that goes wrong", () => {
  it("is visible, tried again with growing delay, and forgotten once it goes well", async () => {
    const { id } = await create({ name: "unlucky", definition: { did: { event: "buy" } } });
    const before = await find(id);
    await bed.clickhouse.command({ query: "RENAME TABLE cohort_members TO cohort_members_away" });
    const delays: number[] = [];
    try {
      for (let failures = 1; failures <= 3; failures += 1) {
        const failed = await refreshed(id);
        expect(failed).toMatchObject({
          state: "failed",
          refresh_failures: failures,
          refresh_error: "STORE_REFUSED: UNKNOWN_TABLE",
          refreshed_at: before.refreshed_at,
          size: 7,
        });
        delays.push(Date.parse(failed.next_refresh_at ?? "") - Date.now());
      }
      expect(await registry.metrics()).toMatch(/millrace_cohorts_failing [1-9]/);
    } finally {
      await bed.clickhouse.command({ query: "RENAME TABLE cohort_members_away TO cohort_members" });
    }
    const [first = 0, second = 0, third = 0] = delays;
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
    expect(await refreshed(id)).toMatchObject({ state: "ready", refresh_failures: 0, refresh_error: null });
  });

  it("leaves no size behind that is not of the stored members", async () => {
    const rule = await create({ name: "rule", definition: { did: { event: "buy" } } });
    const ids = await create({ name: "ids", ids: ["u1", "u2"] });
    const unsettled = {
      "failed after it had written": "refresh_failures = 1",
      "given back after it had written": "generation = generation + 1",
    };
    for (const [what, change] of Object.entries(unsettled)) {
      for (const { id, size } of [rule, ids]) {
        await bed.postgres.query(`UPDATE cohorts SET size = 99, ${change} WHERE public_id = $1`, [id]);
        expect((await refreshed(id)).size, what).toBe(size);
      }
    }
  });

  it("is taken over when it does not end, and what it still writes does not count", async () => {
    const { id } = await create({ name: "stuck", definition: { did: { event: "buy" } } });
    const change = (set: string): Promise<unknown> =>
      bed.postgres.query(`UPDATE cohorts SET ${set} WHERE public_id = $1`, [id]);
    // As a worker leaves it that stopped while it refreshed.
    await change(
      `refreshing_until = now() + interval '1 hour', refresh_due_at = now() + interval '1 hour',
       generation = generation + 1, refreshed_at = now() - interval '2 minutes'`,
    );
    expect(await find(id)).toMatchObject({ state: "overdue", next_refresh_at: null });
    expect(await registry.metrics()).toMatch(/millrace_cohorts_overdue [1-9]/);
    const { rows } = await bed.postgres.query<{ id: number; generation: string }>(
      "SELECT id, generation FROM cohorts WHERE public_id = $1",
      [id],
    );
    await bed.clickhouse.command({ query: "RENAME TABLE cohort_members TO cohort_members_away" });
    try {
      await change("refreshing_until = now() - interval '1 second'");
      // The one that did not end, and the one that took over.
      expect(await refreshed(id)).toMatchObject({ state: "failed", refresh_failures: 2 });
    } finally {
      await bed.clickhouse.command({ query: "RENAME TABLE cohort_members_away TO cohort_members" });
    }
    const done = await refreshed(id);
    expect(done).toMatchObject({ state: "ready", size: 7, refresh_failures: 0 });
    const late = { definition: null, personsDigest: null, size: null, projectId };
    await new RefreshLedger(bed.postgres).succeed(
      { ...late, cohortId: rows[0]?.id ?? 0, generation: Number(rows[0]?.generation) },
      { asOfMs: Date.now(), size: 99, personsDigest: null, workMs: 1 },
    );
    expect((await find(id)).size).toBe(7);
  });
});
