// What is kept of selectors changes no answer: random queries of random worlds are answered with it and without it,
// while events come late, days are computed again or not, ids are joined, and what is asked again is learned. Workers compute, the query tier reads.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServers, type Servers } from "../embedded/start-servers.ts";
import { createClickHouse, type ClickHouse } from "../runtime/clickhouse.ts";
import { createLogger } from "../runtime/log.ts";
import { migrate } from "../runtime/migrate.ts";
import { createPostgres, type Postgres } from "../runtime/postgres.ts";
import { answerLifecycle, lifecycle } from "#query/events/lifecycle/lifecycle.ts";
import { readLifecycleRequest } from "#query/events/lifecycle/request.ts";
import { readRetentionRequest } from "#query/events/retention/request.ts";
import { answerRetention, retention } from "#query/events/retention/retention.ts";
import { readStickinessRequest } from "#query/events/stickiness/request.ts";
import { answerStickiness, stickiness } from "#query/events/stickiness/stickiness.ts";
import { answerTrends } from "#query/events/trends/answer.ts";
import { readTrendsRequest } from "#query/events/trends/request.ts";
import { trends } from "#query/events/trends/trends.ts";
import { KeptStates } from "#query/partials/kept-states.ts";
import { SelectorDemand } from "#query/partials/selector-demand.ts";
import { compileSelector } from "#query/partials/selector-statement.ts";
import type { QueryContext } from "#query/query-context.ts";
import { createRandomWorld, worldEvents, worldZones, type World } from "#query/testing/random-world.ts";
import { runOn, storeOf } from "#query/testing/run-query.ts";
import { storeWorld } from "#query/testing/store-world.ts";
import type { TestDatabase } from "#query/testing/test-database.ts";
import { trendMaths } from "#schemas/query/trends.ts";
import { selectorsOfDimensions } from "#schemas/selectors/dimensions.ts";
import { selectorsOf, splitFilters, type QueryKindName } from "#schemas/selectors/selectors-of.ts";
import { DemandStore } from "#workers/partials/demand-store.ts";
import { findDueDays, takeDays } from "#workers/partials/find-due-days.ts";
import { Learner } from "#workers/partials/learner.ts";
import { createPartialMetrics } from "#workers/partials/metrics.ts";
import { registerSelectors } from "#workers/partials/register-selectors.ts";
import { removeReplaced } from "#workers/partials/remove-stale.ts";
import { SelectorLedger } from "#workers/partials/selector-ledger.ts";
import { writeDays } from "#workers/partials/write-days.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 60);
const queriesOfWorld = 20;
const nowMs = Date.now();
const signal = new AbortController().signal;

let dataDir: string;
let servers: Servers;
let postgres: Postgres;
let clickhouse: ClickHouse;
let ledger: SelectorLedger;
let learner: Learner;
let demand: SelectorDemand;
/** What is held of them grows old when a world says so. */
let ageMs = 0;
const keptStates = new KeptStates(() => nowMs + ageMs);

/** Rows of these worlds count as so many, and a question as asked twice: they are larger worlds seen from afar. */
const rowsPerRow = 1_000_000;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-partials-"));
  servers = await startServers({ dataDir, parts: ["postgres", "clickhouse"] });
  postgres = createPostgres(servers.postgresUrl, { name: "test", connectionsMax: 4 });
  clickhouse = createClickHouse(servers.clickhouseUrl, { name: "test" });
  await migrate({ postgres, clickhouse });
  ledger = new SelectorLedger(postgres);
  const log = createLogger({ level: "error", name: "test" });
  learner = new Learner({
    clickhouse,
    store: new DemandStore(postgres),
    learnedMax: 8,
    metrics: createPartialMetrics(new Registry(), ledger),
    onChange: () => undefined,
    log,
  });
  demand = new SelectorDemand({
    send: ({ notes }) =>
      learner.note({ notes: notes.map((note) => ({ ...note, asked: 2, rows: note.rows * rowsPerRow })) }),
    log,
  });
});

afterAll(async () => {
  await postgres.end();
  await clickhouse.close();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

interface Query {
  readonly kind: QueryKindName;
  readonly query: Record<string, unknown>;
}

function randomQuery(world: World): Query {
  const { random } = world;
  // Mostly such that a selector can have them: properties of users and cohorts are another test's.
  let filters = world.randomFilters();
  for (
    let tries = 0;
    tries < 4 && (filters.length === 0 || splitFilters(filters) === undefined);
    tries += 1
  ) {
    filters = world.randomFilters();
  }
  const event = random.chance(0.25) ? null : random.pick(worldEvents);
  const interval = random.pick(["hour", "day", "day", "week", "month"] as const);
  const instants = [world.randomInstant(), world.randomInstant()].sort((left, right) => left - right);
  const [from, to] = instants as [number, number];
  const days = interval === "hour" ? 3 : 60;
  const range = { from, to: Math.min(to, from + days * 86_400_000), timezone: random.pick(worldZones) };
  const kind = random.pick(["trends", "trends", "trends", "retention", "stickiness", "lifecycle"] as const);
  switch (kind) {
    case "trends": {
      const math = random.pick(trendMaths);
      const breakdown = {
        property: random.pick(["country", "mixed", "$browser"]),
        limit: 1 + random.below(5),
      };
      return {
        kind,
        query: {
          ...range,
          interval,
          series: [{ event, math, filters, ...(trendMaths.indexOf(math) > 2 ? { property: "amount" } : {}) }],
          ...(random.chance(0.6) ? { breakdown } : {}),
          ...(random.chance(0.3) ? { compare: true } : {}),
        },
      };
    }
    case "retention":
      return {
        kind,
        query: {
          from,
          timezone: range.timezone,
          period: interval,
          periods: 1 + random.below(8),
          type: random.pick(["recurring", "first_time"]),
          target: { event, filters },
          ...(random.chance(0.5) ? { returning: { event: random.pick(worldEvents) } } : {}),
        },
      };
    case "stickiness":
      return { kind, query: { ...range, interval, series: [{ event, filters }] } };
    case "lifecycle":
      return { kind, query: { ...range, interval, event, filters } };
  }
}

/** The answer without what is kept, and with it; what it lacked is noted. */
async function answerBoth({ kind, query }: Query, world: World, projectId: number) {
  const store = storeOf(database());
  const kept = runOn(store, projectId, world.people);
  const rows = runOn(store, projectId, world.people);
  // All that these kinds ask of it: without threads they count in this one.
  const context = { postgres, keptStates, demand } as unknown as QueryContext;
  const both = async (got: Promise<unknown>, expected: Promise<unknown>) => ({
    got: await got,
    expected: await expected,
    sources: kept.source,
  });
  switch (kind) {
    case "retention": {
      const request = readRetentionRequest(query, nowMs);
      return both(retention.kind.answer(request, kept, context), answerRetention(request, rows));
    }
    case "stickiness": {
      const request = readStickinessRequest(query, nowMs);
      return both(stickiness.kind.answer(request, kept, context), answerStickiness(request, rows));
    }
    case "lifecycle": {
      const request = readLifecycleRequest(query, nowMs);
      return both(lifecycle.kind.answer(request, kept, context), answerLifecycle(request, rows));
    }
    default: {
      const request = readTrendsRequest(query, nowMs);
      return both(trends.kind.answer(request, kept, context), answerTrends(request, rows));
    }
  }
}

function database(): TestDatabase {
  return { clickhouse, url: servers.clickhouseUrl } as TestDatabase;
}

/** Sums may differ in what a double cannot hold; everything else is equal. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, each: unknown) =>
      typeof each === "number" ? Number(each.toPrecision(12)) : each,
    ),
  ) as unknown;
}

/** What the workers do, for one selector after another, with a chance of being left out. */
async function refresh(world: World, share: number): Promise<number> {
  let days = 0;
  await postgres.query("UPDATE selectors SET due_at = '-infinity'");
  const seen = new Set<number>();
  for (let claim = await ledger.claim(); claim !== undefined; claim = await ledger.claim()) {
    if (seen.has(claim.selectorId)) break;
    seen.add(claim.selectorId);
    // Later than the pause between two times that a day is done.
    const found = await findDueDays(clickhouse, claim, nowMs + 3_600_000, [], signal);
    let { kept } = found.days;
    for (let { due } = found; due.length > 0;) {
      const taken = takeDays(due, 200, 20);
      due = due.slice(taken.length);
      if (!world.random.chance(share)) continue;
      const generation = await ledger.nextGeneration();
      const statement = compileSelector(claim.definition);
      const written = await writeDays(clickhouse, { claim, statement, generation, days: taken }, signal);
      expect(written.daysLeft).toBe(0);
      kept += written.daysKept;
      days += written.daysKept;
    }
    await ledger.succeed(claim, { ...found.days, kept }, { ms: 3_600_000, more: false });
  }
  return days;
}

it(
  `answers are the same with and without what is kept (seed ${seed}, ${cases} cases)`,
  { timeout: 120_000 + cases * 3_000 },
  async () => {
    const sources = new Map<string, number>();
    const insertEvents = async (rows: readonly object[]): Promise<void> => {
      await clickhouse.insert({ table: "events", values: [...rows], format: "JSONEachRow" });
    };
    let asked = 0;
    let removed = 0;
    let fromLearned = 0;
    for (let first = 0; first < cases; first += queriesOfWorld) {
      const world = createRandomWorld(seed + first, { events: 900 });
      const { random } = world;
      const projectId = 10 + (first / queriesOfWorld) * 2;
      await postgres.query(
        "INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, $2, 'p')",
        [projectId, `p${projectId}`],
      );
      const queries = random.times(queriesOfWorld, () => randomQuery(world));
      // Some are saved; dimensions answer others; what nobody registered is learned, or answered from rows. In some
      // worlds nobody registers anything.
      const learnedOnly = (first / queriesOfWorld) % 2 === 1;
      const saved = queries.filter(() => !learnedOnly && random.chance(0.7));
      const wanted = saved.flatMap(({ kind, query }) => selectorsOf(kind, query));
      await registerSelectors(postgres, projectId, "insight:1", wanted);
      const dimensions = selectorsOfDimensions(
        [{ property: "country", valuesMax: random.pick([2, 1000]) }],
        ["amount"],
      );
      await registerSelectors(
        postgres,
        projectId,
        "dimensions",
        !learnedOnly && random.chance(0.6) ? dimensions : [],
      );

      const check = async (what: string): Promise<void> => {
        if (random.chance(0.7)) ageMs += random.pick([10_000, 100_000]);
        for (const each of queries) {
          const { expected, got, sources: used } = await answerBoth(each, world, projectId);
          expect(rounded(got), `seed ${seed}, ${what}: ${JSON.stringify(each)}`).toEqual(rounded(expected));
          for (const source of used.split("+")) sources.set(source, (sources.get(source) ?? 0) + 1);
          if (learnedOnly && used.includes("partial_")) fromLearned += 1;
          asked += 1;
        }
        await demand.tell();
      };
      const half = world.events.length >> 1;
      const db = { ...database(), insertEvents };
      await storeWorld(db, projectId, { ...world, events: world.events.slice(0, half), persons: new Map() });
      if (learnedOnly) await check("before anything was learned");
      await refresh(world, 0.9);
      await check("after the first days");
      // Late events, of days that are kept, and joins: nothing is computed again yet.
      await storeWorld(db, projectId, {
        ...world,
        events: world.events.slice(half),
        userProperties: [],
        cohorts: new Map(),
      });
      await check("after late events");
      await refresh(world, 0.6);
      await check("after some days were computed again");
      // As if those days had been written long ago: what they replaced goes.
      await clickhouse.command({
        query: "ALTER TABLE partial_state UPDATE written_at = written_at - toIntervalHour(2) WHERE 1",
        clickhouse_settings: { mutations_sync: "1" },
      });
      removed += await removeReplaced({ clickhouse, clickhouseCluster: undefined }, signal, 1);
      await check("after replaced days were removed");
    }
    // Without days that are kept, by day and by hour, and rows beside them, this would prove nothing.
    console.log(
      `${asked} answers compared, ${fromLearned} from what was learned, ${removed} days removed, from`,
      Object.fromEntries(sources),
    );
    if (cases >= 60) {
      expect(removed).toBeGreaterThan(0);
      expect(fromLearned).toBeGreaterThan(cases / 20);
      for (const table of ["partial_day", "partial_hour", "events"]) {
        expect(sources.get(table) ?? 0, table).toBeGreaterThan(cases / 10);
      }
    }
  },
);
