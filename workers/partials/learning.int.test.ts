// Learning from question to answer: what is asked of two query processes is added up, kept, used, and given up again.
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashSelector, type SelectorDefinition } from "#schemas/selectors/selector.ts";
import type { Dimensions } from "#schemas/selectors/dimensions.ts";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { callService } from "#streams/call-service.ts";
import { startQueryProcess } from "../testing/query-process.ts";
import { buildEvent, startBed, type Bed } from "../testing/worker-processes.ts";
import { DemandStore } from "./demand-store.ts";
import { Learner } from "./learner.ts";
import { createPartialMetrics } from "./metrics.ts";
import { SelectorLedger } from "./selector-ledger.ts";

const countries = ["NL", "DE", "FR"];
const events = Array.from({ length: 3_000 }, (_, id) =>
  buildEvent(id, {
    event: "order",
    // Not today: the day that is not over is always read from rows.
    timestamp: Date.now() - (1 + (id % 60)) * 86_400_000,
    properties: JSON.stringify({ country: countries[id % 3], amount: id % 10 }),
  }),
);
const readyMsMax = 60_000;

let bed: Bed;
const queries: { stop(): void }[] = [];

beforeAll(async () => {
  bed = await startBed();
  bed.startWorkers("workers-1");
  queries.push(await startQueryProcess(bed), await startQueryProcess(bed));
  await bed.publish(events);
  await until(async () => (await count("SELECT sum(events) FROM rollup_day_any")) === events.length);
}, 120_000);

afterAll(async () => {
  for (const query of queries) query.stop();
  await bed.close();
});

async function until(ready: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + readyMsMax;
  while (!(await ready())) {
    if (performance.now() > deadlineMs) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function count(sql: string): Promise<number> {
  const result = await bed.clickhouse.query({ query: sql, format: "JSONCompact" });
  return Number((await result.json<[string]>()).data[0]?.[0]);
}

function call(subject: `svc.${string}.${string}`, payload: object, projectId = 1): Promise<unknown> {
  return callService(bed.connection, subject, payload, { requestId: "r1", projectId, timeoutMs: 20_000 });
}

async function ask(query: object): Promise<TrendsAnswer> {
  const from = Date.now() - 90 * 86_400_000;
  // Such an answer is never one that was kept whole.
  return (await call("svc.query.trends", { from, ...query, explain: true })) as TrendsAnswer;
}

const byCountry = { series: [{ event: "order" }], breakdown: { property: "country" } };
const totalsOf = (answer: TrendsAnswer): unknown =>
  Object.fromEntries(answer.series.map((line) => [line.breakdown, line.total]));

async function learned(): Promise<Dimensions["learned"]> {
  return ((await call("svc.dimensions.get", {})) as Dimensions).learned;
}

async function demandOf(property: string): Promise<{ asked: number; used: boolean } | undefined> {
  const { rows } = await bed.postgres.query<{ asked: number; used: boolean }>(
    "SELECT asked, used_at IS NOT NULL AS used FROM selector_demand WHERE coalesce(definition->>'breakdown', definition->>'number') = $1",
    [property],
  );
  return rows[0];
}

/** As if so small a world had been a large one. */
const enlarge = (): Promise<unknown> =>
  bed.postgres.query("UPDATE selector_demand SET rows = rows * 1000000");

it(
  "keeps what is asked again, for every question that it answers, with the same answers",
  { timeout: 180_000 },
  async () => {
    const expected = totalsOf(await ask(byCountry));
    expect(expected).toEqual({ DE: 1_000, FR: 1_000, NL: 1_000 });
    for (let asked = 1; asked < 12; asked += 1) await ask(byCountry);
    // Of both processes; a little of it fades at once.
    await until(async () => Math.round((await demandOf("country"))?.asked ?? 0) === 12);
    // So few rows are not worth it.
    expect(await learned()).toEqual([]);

    await enlarge();
    await ask(byCountry);
    await until(async () => (await learned())[0]?.days_kept === 60);
    expect(await learned()).toMatchObject([
      { event: "order", property: "country", number: null, filters: [], days_behind: 0, error: null },
    ]);
    const kept = await ask(byCountry);
    expect(totalsOf(kept)).toEqual(expected);
    expect(kept.meta.source).toContain("partial_day");

    const series = [{ event: "order", math: "unique_users" }];
    const filters = [{ property: "country", operator: "eq", value: "DE" }];
    const people = await ask({ series, filters });
    expect(people.meta.source).toContain("partial_day");
    const ids = events.filter((_, id) => id % 3 === 1).map(({ user_id: id }) => id);
    expect(people.series[0]?.total).toBe(new Set(ids).size);
    await until(async () => (await demandOf("country"))?.used === true);
  },
);

it("a project sees nothing of what another one asks", async () => {
  const { rows } = await bed.postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ('other', 'other') RETURNING id",
  );
  const other = (await call("svc.dimensions.get", {}, rows[0]?.id)) as Dimensions;
  expect(other.learned).toEqual([]);
});

it(
  "keeps it when workers start again, and drops what was not used for long",
  { timeout: 120_000 },
  async () => {
    bed.killAll();
    bed.startWorkers("workers-2");
    await until(() =>
      learned().then(
        (list) => list.length === 1,
        () => false,
      ),
    );
    expect((await ask(byCountry)).meta.source).toContain("partial_day");
    await until(async () => Math.round((await demandOf("country"))?.asked ?? 0) > 12);
    // Uses that were not told yet count, too.
    await until(async () => {
      await bed.postgres.query(
        `UPDATE selector_demand SET used_at = now() - interval '15 days', learned_at = now() - interval '15 days'
         WHERE learned_at IS NOT NULL`,
      );
      // Whoever asks anything makes the project's be looked at.
      await ask({ series: [{ event: "order", math: "sum", property: "amount" }] });
      return (await demandOf("amount")) !== undefined && (await learned()).length === 0;
    });
    expect((await ask(byCountry)).meta.source).toBe("events");
  },
);

it("gives up everything where nothing may be learned", { timeout: 120_000 }, async () => {
  await enlarge();
  await ask(byCountry);
  await until(async () => (await learned()).length > 0);
  bed.killAll();
  bed.startWorkers("workers-3", { MILLRACE_LEARNED_SELECTORS_MAX: "0" });
  await until(() =>
    learned().then(
      (list) => list.length === 0,
      () => false,
    ),
  );
  expect((await bed.postgres.query("SELECT FROM selector_uses")).rowCount).toBe(0);
});

describe("of the notes themselves", () => {
  let learner: Learner;
  let store: DemandStore;
  const registry = new Registry();

  beforeAll(async () => {
    bed.killAll();
    await bed.postgres.query("DELETE FROM selector_demand");
    store = new DemandStore(bed.postgres);
    learner = new Learner({
      ...{ clickhouse: bed.clickhouse, store, log: bed.log, learnedMax: 2 },
      metrics: createPartialMetrics(registry, new SelectorLedger(bed.postgres)),
      onChange: () => undefined,
    });
  });

  const define = (breakdown: string): SelectorDefinition => ({ event: "order", filters: [], breakdown });
  const note = (property: string, rows: number, change: object = {}) => ({
    ...{ projectId: 1, hash: hashSelector(define(property)), definition: define(property) },
    ...{ asked: 2, rows, uses: 0 },
    ...change,
  });
  const properties = async (): Promise<string[]> =>
    (await store.list(1)).map(({ property }) => property ?? "").sort();

  it("learns the most costly, and lets a costlier one take a place", async () => {
    await learner.note({ notes: [note("a", 1e7), note("b", 3e7), note("c", 2e7)] });
    expect(await properties()).toEqual(["b", "c"]);
    await learner.note({ notes: [note("d", 3e7)] });
    expect(await properties()).toEqual(["b", "c"]);
    await learner.note({ notes: [note("d", 6e7)] });
    expect(await properties()).toEqual(["b", "d"]);
    const metrics = await registry.metrics();
    expect(metrics).toContain("millrace_selectors_learned 2\n");
    expect(metrics).toContain('millrace_selectors_learned_total{outcome="learned"} 3\n');
    expect(metrics).toContain('millrace_selectors_learned_total{outcome="dropped"} 1\n');
  });

  it("two processes that tell at once add up", async () => {
    await Promise.all(
      Array.from({ length: 10 }, () => learner.note({ notes: [note("e", 10), note("f", 10)] })),
    );
    const [e] = (await store.read(1)).filter(({ hash }) => hash === hashSelector(define("e")));
    expect(Math.round(e?.rows ?? 0)).toBe(100);
    expect(Math.round(e?.asked ?? 0)).toBe(20);
  });

  it("says what cannot be kept, and does not try it again for days", async () => {
    const hash = hashSelector(define("d"));
    await bed.postgres.query("UPDATE selectors SET days_refused = 5 WHERE hash = $1", [hash]);
    const { refused } = await learner.note({ notes: [note("d", 1e9)] });
    expect(refused).toMatchObject([{ projectId: 1, hash }]);
    expect(refused[0]?.untilMs).toBeGreaterThan(Date.now() + 86_400_000);
    expect(await properties()).not.toContain("d");
    await learner.note({ notes: [note("d", 1e9)] });
    expect(await properties()).not.toContain("d");
    // Long afterwards it may be.
    await bed.postgres.query("UPDATE selectors SET days_refused = 0 WHERE hash = $1", [hash]);
    await bed.postgres.query("UPDATE selector_demand SET refused_until = now() WHERE hash = $1", [hash]);
    await learner.note({ notes: [note("d", 1e9)] });
    expect(await properties()).toContain("d");
  });

  it("fades, and forgets what was not asked for long, and the least of too many", async () => {
    await bed.postgres.query(
      "UPDATE selector_demand SET noted_at = now() - interval '3 days' WHERE hash = $1",
      [hashSelector(define("e"))],
    );
    const [e] = (await store.read(1)).filter(({ hash }) => hash === hashSelector(define("e")));
    expect(Math.round(e?.rows ?? 0)).toBe(50);
    await bed.postgres.query(
      "UPDATE selector_demand SET noted_at = now() - interval '15 days' WHERE hash = $1",
      [hashSelector(define("e"))],
    );
    for (let first = 0; first < 600; first += 100) {
      await store.add(Array.from({ length: 100 }, (_, index) => note(`many-${first + index}`, 1 + index)));
    }
    await learner.decideAll();
    const left = await store.read(1);
    expect(left.length).toBeLessThanOrEqual(500 + 2);
    expect(left.map(({ hash }) => hash)).not.toContain(hashSelector(define("e")));
    // What is kept stays whatever its rows are.
    expect(await properties()).toHaveLength(2);
  });

  it("knows no projects that were deleted", async () => {
    const { id } = (await bed.postgres
      .query<{ id: number }>(
        "INSERT INTO projects (public_id, name, deleted_at) VALUES ('gone', 'gone', now()) RETURNING id",
      )
      .then(({ rows }) => rows[0])) as { id: number };
    await learner.note({
      notes: [note("a", 1e9, { projectId: id }), note("a", 1e9, { projectId: id + 1_000 })],
    });
    const { rowCount } = await bed.postgres.query("SELECT FROM selector_demand WHERE project_id >= $1", [id]);
    expect(rowCount).toBe(0);
  });
});
