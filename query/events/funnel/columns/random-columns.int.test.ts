// Funnels over columns in memory answer what the same funnels over rows do: while events arrive on any day, ids are
// joined and separated, properties of users are set, columns are evicted, and processes start anew and find columns in
// files, some of which are torn, of another column, or were written while fewer events were there.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Filter } from "#schemas/query/filter.ts";
import { funnelOrders, type FunnelQuery } from "#schemas/query/funnel.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { createQueryMetrics } from "../../../metrics.ts";
import { listColumnFiles } from "../../../step-columns/files/column-directory.ts";
import { ColumnFiles } from "../../../step-columns/files/column-files.ts";
import { StepColumns } from "../../../step-columns/step-columns.ts";
import type { Store } from "../../../store/run-statement.ts";
import { QueryRun } from "../../../store/query-run.ts";
import { ReadOnlySettings } from "../../../store/read-only.ts";
import { createTaskPool } from "../../../task-pool.ts";
import { RandomSource } from "../../../testing/random-source.ts";
import { createTestDatabase, storeTime, type TestDatabase } from "../../../testing/test-database.ts";
import { answerFunnel } from "../answer.ts";
import { listPersons } from "../funnel-users.ts";
import { readFunnelRequest, readFunnelUsersRequest, type FunnelRequest } from "../request.ts";
import { isDecidable } from "./run-columns.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 100);
const projectId = 3;
const dayMs = 86_400_000;
const names = ["a", "b", "c", "d"];
/** Low numbers, and some that need every digit of the sorting. */
const users = [
  ...Array.from({ length: 40 }, (_, user) => user),
  70_000,
  70_001,
  5_000_000,
  2 ** 31,
  2 ** 32 - 2,
];

const pool = createTaskPool(2);
const random = new RandomSource(seed);
let database: TestDatabase;
let store: Store;
let versions = 0;
const directory = mkdtempSync(join(tmpdir(), "millrace-columns-"));

beforeAll(async () => {
  database = await createTestDatabase();
  const { clickhouse } = database;
  store = {
    clickhouse,
    readOnly: new ReadOnlySettings(clickhouse),
    metrics: createQueryMetrics(new Registry()),
  };
});

afterAll(async () => {
  await pool.destroy();
  rmSync(directory, { recursive: true, force: true });
  await database?.drop();
});

/** Days of months that are over, of this month, and of today; times often meet. */
function randomInstant(): number {
  const days = random.pick([120, 30, 3, 1]);
  const instant = Date.now() - random.below(days * 1000) * (dayMs / 1000);
  return random.chance(0.5) ? Math.floor(instant / 3_600_000) * 3_600_000 : instant;
}

async function addEvents(count: number): Promise<void> {
  await database.insertEvents(
    random.times(count, () => {
      const at = storeTime(randomInstant());
      return {
        project_id: random.chance(0.9) ? projectId : projectId + 1,
        event: random.pick(names),
        timestamp: at,
        user_number: random.pick(users),
        event_id: String(random.below(2 ** 30)),
        user_id: "u",
        properties: {},
        received_at: at,
      };
    }),
  );
}

async function joinIds(): Promise<void> {
  versions += 1;
  const user = random.pick(users);
  await database.clickhouse.insert({
    table: "persons",
    values: [
      {
        project_id: projectId,
        user_number: user,
        person_number: random.pick([user, 1, 2, 70_000]),
        version: versions,
      },
      // A person that others are part of stays whole.
      ...[1, 2, 70_000].map((each) => ({
        project_id: projectId,
        user_number: each,
        person_number: each,
        version: versions + 1,
      })),
    ],
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });
  versions += 1;
}

/** Members are in the store as ids: whoever they belong to is a member. */
async function addCohort(): Promise<void> {
  const members = random.shuffled(users).slice(0, users.length / 2);
  await database.clickhouse.command({
    query: `INSERT INTO cohort_members SELECT ${projectId}, 1, 1,
      groupBitmapState(arrayJoin(CAST([${members.join(",")}], 'Array(UInt32)')))`,
  });
}

async function setProperties(count: number): Promise<void> {
  await database.clickhouse.insert({
    table: "user_properties",
    values: random.times(count, () => {
      const plan = random.pick(["free", "pro"]);
      return {
        project_id: projectId,
        property: "plan",
        user_number: random.pick(users),
        once: 0,
        text: plan,
        number: null,
        boolean: null,
        value: JSON.stringify(plan),
        version: random.below(2 ** 30),
      };
    }),
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });
}

function randomFilter(): Filter {
  return random.pick<Filter>([
    { cohort: "regulars" },
    { cohort: "regulars", negate: true },
    { property: "plan", on: "user", operator: random.pick(["eq", "neq"] as const), value: "pro" },
    { property: "plan", on: "user", operator: random.pick(["is_set", "is_not_set"] as const) },
  ]);
}

function randomFilters(): Filter[] {
  if (random.chance(0.6)) return [];
  return random.times(1 + random.below(2), () =>
    random.chance(0.3) ? { or: [randomFilter(), randomFilter()] } : randomFilter(),
  );
}

function randomQuery(): FunnelQuery {
  const [from, to] = [randomInstant(), randomInstant()].sort((left, right) => left - right);
  const steps = random.shuffled(names).slice(0, 1 + random.below(4));
  return {
    from: from as number,
    to: to as number,
    steps: steps.map((event) => ({ event })),
    window_seconds: random.pick([60, 86_400, 5 * 86_400, 40 * 86_400]),
    order: random.pick(funnelOrders),
    filters: randomFilters(),
    exclusions:
      steps.length === 1
        ? []
        : random.times(random.below(3), () => {
            const fromStep = random.below(steps.length - 1);
            const toStep = fromStep + 1 + random.below(steps.length - fromStep - 1);
            return { event: random.pick(names), from_step: fromStep, to_step: toStep };
          }),
    view: random.pick(["steps", "trend", "time_to_convert"] as const),
    from_step: random.below(steps.length),
    interval: random.pick(["day", "week"] as const),
  };
}

function makeRun(): QueryRun {
  return new QueryRun({
    store,
    projectId,
    signal: new AbortController().signal,
    people: { merged: versions > 0, cohorts: new Map([["regulars", 1]]) },
  });
}

/** Cuts a file, changes a byte of it, or puts another column's in its place. */
async function spoilFile(): Promise<void> {
  const paths = (await listColumnFiles(directory)).map(({ path }) => path).toSorted();
  if (paths.length === 0) return;
  const path = random.pick(paths);
  const bytes = readFileSync(path);
  const at = random.below(bytes.length);
  const spoil = random.pick([
    () => truncateSync(path, at),
    () => writeFileSync(path, bytes.fill((bytes[at] as number) ^ 1, at, at + 1)),
    () => copyFileSync(random.pick(paths), path),
  ]);
  spoil();
}

async function countOf(outcome: string): Promise<number> {
  const { values } = await store.metrics.residentColumns.get();
  return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
}

const roomy = 1024 ** 3;
/** Room for a few segments. */
const narrow = 6_000;

it(`answer like rows (seed ${seed}, ${cases} cases)`, { timeout: 60_000 + cases * 2_000 }, async () => {
  const { metrics } = store;
  // Processes that start anew find the files of those before.
  const makeColumns = (bytesMax: number, bytesOnDiskMax: number): StepColumns => {
    files =
      bytesOnDiskMax === 0
        ? undefined
        : new ColumnFiles({
            ...{ directory, installation: "test", bytesMax: bytesOnDiskMax, rowsMin: 1, pool, metrics },
            log: createLogger({ level: "fatal", name: "test" }),
          });
    return new StepColumns({
      url: database.url,
      bytesMax,
      metrics,
      togetherMax: random.pick([0, 10, roomy]),
      ...(files === undefined ? {} : { files }),
    });
  };
  let files: ColumnFiles | undefined;
  let columns = makeColumns(roomy, roomy);
  let held = 0;
  let converted = 0;
  await addEvents(3000);
  await addCohort();
  await setProperties(30);
  for (let index = 0; index < cases; index += 1) {
    if (random.chance(0.3)) await addEvents(1 + random.below(20));
    if (random.chance(0.2)) await joinIds();
    if (random.chance(0.1)) await setProperties(3);
    if (random.chance(0.3)) {
      await files?.settle();
      if (random.chance(0.3)) await spoilFile();
      columns = makeColumns(random.pick([roomy, roomy, narrow]), random.pick([roomy, roomy, narrow, 0]));
    }
    if (files !== undefined && random.chance(0.1)) {
      const range = { fromMs: randomInstant(), endMs: Date.now() };
      await columns.prepare(makeRun(), pool, { events: [random.pick([...names, null])], ...range });
    }
    const query = randomQuery();
    const what = `seed ${seed}, case ${index}: ${JSON.stringify(query)}`;
    const request = readFunnelRequest(query, Date.now());
    expect(isDecidable(request), what).toBe(true);
    const [expected, answer] = [
      await answerFunnel(request, makeRun(), pool, { groups: 1 }),
      await answerFunnel(request, makeRun(), pool, { columns }),
    ];
    expect(answer, what).toEqual(expected);
    if (columns.bytes > 0) held += 1;
    converted += expected.steps[1]?.count ?? 0;
    if (index % 5 === 0) {
      const body = { ...query, step: random.below(query.steps.length), limit: 10 };
      const users = readFunnelUsersRequest(body, Date.now());
      expect(await listPersons(users, makeRun(), pool, columns), what).toEqual(
        await listPersons(users, makeRun(), pool),
      );
    }
  }
  await files?.settle();
  expect(converted).toBeGreaterThan(cases);
  expect(held).toBeGreaterThan(cases / 2);

  // Whatever the seed did: files are read, as they are and after more was stored.
  const wideOf = (days: number): FunnelRequest =>
    readFunnelRequest(
      { from: Date.now() - days * dayMs, steps: [{ event: "a" }, { event: "b" }] },
      Date.now(),
    );
  for (const outcome of [undefined, "file", "stale_file"]) {
    // Days before the first event are in no file, and change nothing.
    const wide = wideOf(outcome === "file" ? 140 : 130);
    if (outcome === "stale_file") await addEvents(100);
    columns = makeColumns(roomy, roomy);
    const before = outcome === undefined ? 0 : await countOf(outcome);
    expect(await answerFunnel(wide, makeRun(), pool, { columns }), outcome).toEqual(
      await answerFunnel(wide, makeRun(), pool, { groups: 1 }),
    );
    if (outcome !== undefined) expect(await countOf(outcome), outcome).toBeGreaterThan(before);
    await files?.settle();
  }
});
