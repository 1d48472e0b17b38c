// Insights and dashboards as others see them: through the services on NATS, over the real servers and a process of
// the query tier; and saved funnels whose days are kept.
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import type { Dashboard } from "#schemas/insights/dashboard.ts";
import type { SavedInsight } from "#schemas/insights/insight.ts";
import type { FunnelAnswer } from "#schemas/query/funnel.ts";
import { callService, callStream } from "#streams/call-service.ts";
import { startQueryProcess } from "../testing/query-process.ts";
import { startBed, type Bed } from "../testing/worker-processes.ts";
import { DashboardStore } from "./dashboard-store.ts";
import { FunnelDayKeeper } from "./funnel-day-keeper.ts";
import { FunnelLedger } from "./funnel-ledger.ts";
import { serveInsights } from "./insight-service.ts";
import { InsightStore } from "./insight-store.ts";
import { createInsightMetrics } from "./metrics.ts";

const dayMs = 86_400_000;
let bed: Bed;
let projectId: number;
let otherProjectId: number;
let keeper: FunnelDayKeeper;
const stops: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  bed = await startBed();
  stops.push(() => bed.close());
  const { connection, postgres, clickhouse, log } = bed;
  [projectId, otherProjectId] = (await Promise.all(["p", "q"].map(addProject))) as [number, number];
  const query = await startQueryProcess(bed);
  stops.push(() => query.stop());
  const ledger = new FunnelLedger(postgres);
  keeper = new FunnelDayKeeper({
    connection,
    clickhouse,
    clickhouseCluster: undefined,
    ledger,
    metrics: createInsightMetrics(new Registry(), ledger),
    log,
  });
  keeper.start();
  stops.push(() => keeper.stop());
  const service = serveInsights({
    connection,
    insights: new InsightStore(postgres),
    dashboards: new DashboardStore(postgres),
    log,
  });
  stops.push(() => service.stop());
  // Each user looks, and every second one buys an hour later, on each of the last 20 days.
  const events: Row[] = [];
  for (let day = 1; day <= 20; day += 1) {
    for (let user = 1; user <= 10; user += 1) {
      events.push([user, "look", day + 0.1]);
      if (user % 2 === 0) events.push([user, "buy", day + 0.1 - 1 / 24]);
    }
  }
  await addEvents(events);
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

type Row = readonly [user: number, event: string, daysAgo: number];

async function addProject(name: string): Promise<number> {
  const { rows } = await bed.postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ($1, $1) RETURNING id",
    [name],
  );
  return rows[0]?.id as number;
}

async function addEvents(events: readonly Row[]): Promise<void> {
  const now = Date.now();
  await bed.clickhouse.insert({
    table: "events",
    values: events.map(([user, event, daysAgo], index) => ({
      project_id: projectId,
      event,
      user_number: user,
      event_id: `${event}-${user}-${daysAgo}-${index}-${now}`,
      timestamp: now - Math.round(daysAgo * dayMs),
      properties: {},
      received_at: now,
    })),
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0, max_partitions_per_insert_block: "0" },
  });
}

function call<T>(
  subject: string,
  payload: object,
  options: { project?: number; parameters?: Record<string, string> } = {},
): Promise<T> {
  return callService(bed.connection, subject, payload, {
    requestId: "r",
    projectId: options.project ?? projectId,
    timeoutMs: 30_000,
    ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
  }) as Promise<T>;
}

const create = (insight: object): Promise<SavedInsight> => call("svc.insights.create", insight);
const createDashboard = (dashboard: object): Promise<Dashboard> =>
  call("svc.insights.create_dashboard", dashboard);
const result = <T = FunnelAnswer>(id: string, more: object = {}): Promise<T & { insight: object }> =>
  call("svc.query.insight_result", { id, ...more });

interface DashboardAnswer {
  readonly id: string;
  readonly name: string;
  readonly tiles: readonly {
    readonly insight_id: string;
    readonly title?: string;
    readonly name?: string;
    readonly result?: unknown;
    readonly error?: { code: string };
  }[];
  readonly meta: { as_of: string | null };
}

async function dashboardResult(id: string, more: object = {}): Promise<DashboardAnswer> {
  const chunks: Buffer[] = [];
  await callStream(
    bed.connection,
    "svc.query.dashboard_result",
    { id, ...more },
    { requestId: "r", projectId, timeoutMs: 30_000 },
    {
      onStart: () => undefined,
      onChunk: (bytes) => void chunks.push(Buffer.from(bytes)),
      signal: new AbortController().signal,
    },
  );
  return JSON.parse(Buffer.concat(chunks).toString()) as DashboardAnswer;
}

async function failureOf(work: Promise<unknown>): Promise<{ code: string; paths: string[] }> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { code: error.code, paths: (error.details as { path: string }[]).map(({ path }) => path) };
  }
  throw new Error("the call did not fail");
}

const looks = { name: "looks", kind: "trends", query: { series: [{ event: "look" }] }, range: { days: 7 } };
const buys = {
  name: "buys",
  kind: "funnel",
  query: { steps: [{ event: "look" }, { event: "buy" }], window_seconds: 86_400 },
  range: { days: 15 },
};

describe("insights", () => {
  it("are made, shown, listed, replaced and deleted, each in its project", async () => {
    const made = await create({ ...looks, description: "how many" });
    expect(made).toMatchObject({ ...looks, description: "how many" });
    expect(await call("svc.insights.get", { id: made.id })).toEqual(made);
    const replaced = { ...buys, name: "now a funnel" };
    const after = await call<SavedInsight>("svc.insights.replace", replaced, { parameters: { id: made.id } });
    expect(after).toMatchObject({ ...replaced, id: made.id, description: null, created_at: made.created_at });
    const { insights } = await call<{ insights: SavedInsight[] }>("svc.insights.list", {});
    expect(insights.filter(({ id }) => id === made.id)).toEqual([after]);

    const elsewhere = { project: otherProjectId };
    expect(await call("svc.insights.list", {}, elsewhere)).toEqual({ insights: [] });
    for (const work of [
      () => call("svc.insights.get", { id: made.id }, elsewhere),
      () => call("svc.insights.replace", looks, { ...elsewhere, parameters: { id: made.id } }),
      () => call("svc.insights.delete", { id: made.id }, elsewhere),
      () => call("svc.query.insight_result", { id: made.id }, elsewhere),
    ]) {
      expect(await failureOf(work())).toEqual({ code: "INSIGHT_NOT_FOUND", paths: [] });
    }
    expect(await call("svc.insights.delete", { id: made.id })).toEqual({ id: made.id, deleted: true });
    expect((await failureOf(result(made.id))).code).toBe("INSIGHT_NOT_FOUND");
  });

  it.each([
    { wrong: { ...looks, kind: "sums" }, code: "INVALID_BODY", paths: ["kind"] },
    { wrong: { ...looks, more: 1 }, code: "INVALID_BODY", paths: ["more"] },
    { wrong: { ...looks, range: { days: 0 } }, code: "INVALID_BODY", paths: ["range.days"] },
    {
      wrong: { ...looks, query: { series: [{ event: "look", math: "sum" }] } },
      code: "INVALID_QUERY",
      paths: ["query.series[0].property"],
    },
    {
      wrong: { ...looks, query: { ...looks.query, filters: [{ cohort: "none" }] } },
      code: "INVALID_QUERY",
      paths: ["query.filters[0].cohort"],
    },
    {
      wrong: { ...looks, query: { ...looks.query, from: "2026-01-01" } },
      code: "INVALID_QUERY",
      paths: ["range"],
    },
  ])("that are wrong are refused: $paths", async ({ wrong, code, paths }) => {
    expect(await failureOf(create(wrong))).toEqual({ code, paths });
  });

  it("answer as their query does, over their range or the one asked for", async () => {
    const { id } = await create(looks);
    const saved = await result<{ series: { buckets: string[] }[] }>(id);
    expect(saved.insight).toEqual({ id, name: "looks", kind: "trends" });
    expect(saved.series[0]?.buckets).toHaveLength(7);
    const from = new Date(Date.now() - 3 * dayMs).toISOString().slice(0, 10);
    const asked = await result<{ series: object[] }>(id, { from, to: String(Date.now()) });
    const direct = await call<{ series: object[] }>("svc.query.trends", { ...looks.query, from });
    expect(asked.series).toEqual(direct.series);
    expect(await failureOf(result(id, { from: "soon" }))).toEqual({
      code: "INVALID_PARAMETER",
      paths: ["from"],
    });
    expect(await failureOf(result(id, { timezone: "Moon/Base" }))).toEqual({
      code: "INVALID_PARAMETER",
      paths: ["timezone"],
    });
  });

  it("of retention fill their range with rows", async () => {
    const { id } = await create({
      name: "weeks",
      kind: "retention",
      query: { target: { event: "look" }, period: "day" },
      range: { days: 6 },
    });
    expect((await result<{ cohorts: object[] }>(id)).cohorts).toHaveLength(6);
  });
});

describe("dashboards", () => {
  it("answer all tiles in their order, each alone in its failure", async () => {
    const [first, second, gone] = await Promise.all([create(looks), create(buys), create(looks)]);
    const made = await createDashboard({
      name: "board",
      tiles: [first, second, gone, first].map(({ id }, index) => ({
        insight_id: id,
        ...(index === 0 ? { title: "the first" } : {}),
      })),
    });
    await call("svc.insights.delete", { id: gone.id });
    const answer = await dashboardResult(made.id);
    expect(answer).toMatchObject({ id: made.id, name: "board" });
    expect(answer.tiles.map(({ insight_id, title }) => [insight_id, title])).toEqual([
      [first.id, "the first"],
      [second.id, undefined],
      [gone.id, undefined],
      [first.id, undefined],
    ]);
    expect(answer.tiles.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      "INSIGHT_NOT_FOUND",
      undefined,
    ]);
    const { steps } = await result(second.id);
    expect(answer.tiles[1]?.result).toMatchObject({ steps });
    expect(answer.tiles[3]?.result).toEqual(answer.tiles[0]?.result);
    expect(answer.meta.as_of).toEqual(expect.any(String));
  });

  it("name insights that exist, and are replaced and deleted", async () => {
    const { id: tile } = await create(looks);
    expect(await failureOf(createDashboard({ name: "b", insights: [tile, "ins_none"] }))).toEqual({
      code: "INVALID_BODY",
      paths: ["tiles[1].insight_id"],
    });
    expect((await failureOf(createDashboard({ name: "b" }))).code).toBe("INVALID_BODY");
    const { id } = await createDashboard({ name: "b", insights: [tile] });
    const parameters = { id };
    const replaced = await call(
      "svc.insights.replace_dashboard",
      { name: "c", insights: [] },
      { parameters },
    );
    expect(replaced).toMatchObject({ id, name: "c", tiles: [] });
    expect(await call("svc.insights.get_dashboard", { id })).toEqual(replaced);
    expect((await dashboardResult(id)).tiles).toEqual([]);
    expect((await failureOf(dashboardResult(id, { from: "soon" }))).code).toBe("INVALID_PARAMETER");
    await call("svc.insights.delete_dashboard", { id });
    expect((await failureOf(dashboardResult(id))).code).toBe("DASHBOARD_NOT_FOUND");
  });
});

describe("saved funnels", () => {
  async function whenKept(id: string): Promise<FunnelAnswer> {
    for (const deadlineMs = performance.now() + 60_000; performance.now() < deadlineMs;) {
      const answer = await result(id, { to: String(Date.now()) });
      if (answer.meta.source.includes("funnel_days")) return answer;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error("no day was kept");
  }
  const direct = (): Promise<FunnelAnswer> => {
    // A filter that holds for every event makes it another funnel, whose days nobody keeps.
    const filters = [{ property: "$event", operator: "is_set" }];
    const from = new Date(Date.now() - 14 * dayMs).toISOString().slice(0, 10);
    return call("svc.query.funnel", { ...buys.query, filters, from });
  };

  it(
    "are kept by day, also after late events and joins; nothing is kept for nobody",
    { timeout: 120_000 },
    async () => {
      const { id } = await create(buys);
      expect((await whenKept(id)).steps).toEqual((await direct()).steps);

      await addEvents([
        [3, "buy", 5.05],
        [50, "look", 6.1],
      ]);
      const late = await result(id);
      expect(late.steps).toEqual((await direct()).steps);
      expect(late.steps.map(({ count }) => count)).toEqual([11, 6]);

      await bed.postgres.query("INSERT INTO user_persons VALUES ($1, 50, 3)", [projectId]);
      await bed.clickhouse.insert({
        table: "persons",
        values: [{ project_id: projectId, user_number: 50, person_number: 3, version: 1 }],
        format: "JSONEachRow",
        clickhouse_settings: { async_insert: 0 },
      });
      const joined = await result(id);
      expect(joined.steps).toEqual((await direct()).steps);
      expect(joined.steps.map(({ count }) => count)).toEqual([10, 6]);
      expect(joined.meta.source).toContain("funnel_days");

      const { insights } = await call<{ insights: SavedInsight[] }>("svc.insights.list", {});
      for (const insight of insights) await call("svc.insights.delete", { id: insight.id });
      await bed.postgres.query("UPDATE funnel_definitions SET refresh_due_at = '-infinity'");
      for (let left = 1; left > 0;) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const { rows } = await bed.postgres.query<{ left: number }>(
          "SELECT count(*)::int AS left FROM funnel_definitions",
        );
        left = rows[0]?.left ?? 0;
      }
    },
  );
});
