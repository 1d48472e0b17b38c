// What is kept of selectors changes no answer: random queries of random worlds are answered with it and without it,
// while events come late, days are computed again or not, and ids are joined. Workers compute, the query tier reads.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServers, type Servers } from "../embedded/start-servers.ts";
import { createClickHouse, type ClickHouse } from "../runtime/clickhouse.ts";
import { migrate } from "../runtime/migrate.ts";
import { createPostgres, type Postgres } from "../runtime/postgres.ts";
import { answerLifecycle } from "#query/events/lifecycle/lifecycle.ts";
import { readLifecycleRequest } from "#query/events/lifecycle/request.ts";
import { loadPartialsOfSets } from "#query/events/partials-of-sets.ts";
import { returningSets } from "#query/events/retention/compile.ts";
import { targetSets } from "#query/events/retention/members.ts";
import { readRetentionRequest } from "#query/events/retention/request.ts";
import { answerRetention } from "#query/events/retention/retention.ts";
import { readStickinessRequest } from "#query/events/stickiness/request.ts";
import { answerStickiness } from "#query/events/stickiness/stickiness.ts";
import { answerTrends } from "#query/events/trends/answer.ts";
import { wantedOfTrends } from "#query/events/trends/plan.ts";
import { readTrendsRequest } from "#query/events/trends/request.ts";
import { loadPartials, type Partials } from "#query/partials/load-partials.ts";
import { compileSelector } from "#query/partials/selector-statement.ts";
import type { QueryRun } from "#query/store/query-run.ts";
import { createRandomWorld, worldEvents, worldZones, type World } from "#query/testing/random-world.ts";
import { runOn, storeOf } from "#query/testing/run-query.ts";
import { storeWorld } from "#query/testing/store-world.ts";
import type { TestDatabase } from "#query/testing/test-database.ts";
import { trendMaths } from "#schemas/query/trends.ts";
import { selectorsOfDimensions } from "#schemas/selectors/dimensions.ts";
import { selectorsOf, splitFilters, type QueryKindName } from "#schemas/selectors/selectors-of.ts";
import { findDueDays, takeDays } from "#workers/partials/find-due-days.ts";
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

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-partials-"));
  servers = await startServers({ dataDir, parts: ["postgres", "clickhouse"] });
  postgres = createPostgres(servers.postgresUrl, { name: "test", connectionsMax: 4 });
  clickhouse = createClickHouse(servers.clickhouseUrl, { name: "test" });
  await migrate({ postgres, clickhouse });
  ledger = new SelectorLedger(postgres);
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

/** The answer without what is kept, and with it. */
async function answerBoth(
  { kind, query }: Query,
  world: World,
  projectId: number,
  store = storeOf(database()),
) {
  const run = (): QueryRun => runOn(store, projectId, world.people);
  const kept = run();
  const both = async <T>(
    load: Promise<Partials>,
    answer: (run: QueryRun, partials?: Partials) => Promise<T>,
  ): Promise<{ expected: T; got: T; sources: string }> => {
    const partials = await load;
    return { expected: await answer(run()), got: await answer(kept, partials), sources: kept.source };
  };
  switch (kind) {
    case "retention": {
      const request = readRetentionRequest(query, nowMs);
      const sets = [targetSets(request), returningSets(request, 0)];
      return both<unknown>(loadPartialsOfSets(kept, postgres, sets), (each, partials) =>
        answerRetention(request, each, { partials }),
      );
    }
    case "stickiness": {
      const request = readStickinessRequest(query, nowMs);
      const sets = request.series.map((selector) => ({
        ...request,
        selector,
        history: false,
        occurrencesMin: 1,
      }));
      return both<unknown>(loadPartialsOfSets(kept, postgres, sets), (each, partials) =>
        answerStickiness(request, each, { partials }),
      );
    }
    case "lifecycle": {
      const request = readLifecycleRequest(query, nowMs);
      const sets = [{ ...request, history: true, occurrencesMin: 1 }];
      return both<unknown>(loadPartialsOfSets(kept, postgres, sets), (each, partials) =>
        answerLifecycle(request, each, { partials }),
      );
    }
    default: {
      const request = readTrendsRequest(query, nowMs);
      const range = {
        fromMs: Math.min(...request.periods.map(({ fromMs }) => fromMs)),
        endMs: Math.max(...request.periods.map(({ endMs }) => endMs)),
      };
      return both<unknown>(loadPartials(kept, postgres, wantedOfTrends(request), range), (each, partials) =>
        answerTrends(request, each, { partials }),
      );
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
    for (let first = 0; first < cases; first += queriesOfWorld) {
      const world = createRandomWorld(seed + first, { events: 900 });
      const { random } = world;
      const projectId = 10 + (first / queriesOfWorld) * 2;
      await postgres.query(
        "INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, $2, 'p')",
        [projectId, `p${projectId}`],
      );
      const queries = random.times(queriesOfWorld, () => randomQuery(world));
      // Some are saved; dimensions answer others; what nobody registered is answered from rows.
      const saved = queries.filter(() => random.chance(0.7));
      const wanted = saved.flatMap(({ kind, query }) => selectorsOf(kind, query));
      await registerSelectors(postgres, projectId, "insight:1", wanted);
      const dimensions = selectorsOfDimensions(
        [{ property: "country", valuesMax: random.pick([2, 1000]) }],
        ["amount"],
      );
      await registerSelectors(postgres, projectId, "dimensions", random.chance(0.6) ? dimensions : []);

      const check = async (what: string): Promise<void> => {
        for (const each of queries) {
          const { expected, got, sources: used } = await answerBoth(each, world, projectId);
          expect(rounded(got), `seed ${seed}, ${what}: ${JSON.stringify(each)}`).toEqual(rounded(expected));
          for (const source of used.split("+")) sources.set(source, (sources.get(source) ?? 0) + 1);
          asked += 1;
        }
      };
      const half = world.events.length >> 1;
      const db = { ...database(), insertEvents };
      await storeWorld(db, projectId, { ...world, events: world.events.slice(0, half), persons: new Map() });
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
    console.log(`${asked} answers compared, ${removed} days removed, from`, Object.fromEntries(sources));
    if (cases >= 60) {
      expect(removed).toBeGreaterThan(0);
      for (const table of ["partial_day", "partial_hour", "events"]) {
        expect(sources.get(table) ?? 0, table).toBeGreaterThan(cases / 10);
      }
    }
  },
);
