// Random funnels over a random world, from the query's body to its answer: joined ids, filters of every kind,
// breakdowns, trends in zones, people page by page, however the people are grouped.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { funnelOrders, type FunnelAnswer, type FunnelQuery } from "#schemas/query/funnel.ts";
import { breakdownNone, breakdownOther } from "#schemas/query/trends.ts";
import { createQueryMetrics } from "../../metrics.ts";
import type { Store } from "../../store/run-statement.ts";
import { QueryRun } from "../../store/query-run.ts";
import { ReadOnlySettings } from "../../store/read-only.ts";
import { createTaskPool } from "../../task-pool.ts";
import {
  bestAttempt,
  survivingAttempts,
  type FunnelReferenceEvent,
  type ReferenceAttempt,
} from "../../testing/funnel-reference.ts";
import { createRandomWorld, worldEvents, worldZones, type World } from "../../testing/random-world.ts";
import { storeWorld } from "../../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/test-database.ts";
import { intervalStart, textOf, valueOf, type ReferenceEvent } from "../../testing/naive-reference.ts";
import { answerFunnel } from "./answer.ts";
import { noneValue } from "./compile.ts";
import { listPersons } from "./funnel-users.ts";
import { readFunnelRequest, readFunnelUsersRequest, type FunnelRequest } from "./request.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 120);
/** Queries that are asked of one world. */
const casesOfWorld = 60;

const pool = createTaskPool(2);
let database: TestDatabase;
let store: Store;

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
  await database.drop();
});

function randomQuery(world: World): FunnelQuery {
  const { random } = world;
  const [from, to] = [world.randomInstant(), world.randomInstant()].sort((left, right) => left - right);
  const steps = 1 + random.below(4);
  const selector = () => ({
    event: random.chance(0.15) ? null : random.pick(worldEvents),
    ...(random.chance(0.3) ? { filters: world.randomFilters(1) } : {}),
  });
  const breakdown = random.pick([
    undefined,
    { property: "country", attribution: "first_touch" as const, limit: 1 + random.below(6) },
    { property: "mixed" },
    { property: random.pick(["plan", "age"]), on: "user" as const, limit: 1 + random.below(4) },
    { cohorts: random.shuffled(["c1", "c2"]).slice(random.below(2)) },
  ]);
  return {
    from: from as number,
    to: to as number,
    timezone: random.pick(worldZones),
    filters: random.chance(0.5) ? [] : world.randomFilters(1),
    steps: random.times(steps, selector),
    window_seconds: random.pick([1, 3600, 86_400, 5 * 86_400, 20 * 86_400]),
    order: random.pick(funnelOrders),
    exclusions:
      steps === 1
        ? []
        : random.times(random.below(3), () => {
            const fromStep = random.below(steps - 1);
            return {
              ...selector(),
              from_step: fromStep,
              to_step: fromStep + 1 + random.below(steps - fromStep - 1),
            };
          }),
    view: random.pick(["steps", "trend", "time_to_convert"] as const),
    from_step: random.below(steps),
    interval: random.pick(["day", "week", "month"] as const),
    week_start: random.pick(["monday", "sunday"] as const),
    ...(breakdown === undefined ? {} : { breakdown }),
  };
}

interface ReferencePerson {
  readonly person: number;
  readonly attempts: readonly ReferenceAttempt[];
  readonly best: ReferenceAttempt | undefined;
}

/** Everybody by their number. */
function followPeople(
  world: World,
  request: FunnelRequest,
  valueNumber: (event: ReferenceEvent) => number,
): ReferencePerson[] {
  const people = Map.groupBy(world.events, (event) => world.personOf(event.user));
  const indexes = (event: ReferenceEvent, selectors: FunnelRequest["steps" | "exclusions"]): number[] =>
    selectors.flatMap((selector, index) =>
      (selector.event === null || selector.event === event.event) &&
      world.matches(event, [...request.filters, ...selector.filters])
        ? [index]
        : [],
    );
  return [...people]
    .sort(([left], [right]) => left - right)
    .map(([person, events]) => {
      const known = events.map((event): FunnelReferenceEvent => ({
        timeMs: event.timestampMs,
        steps: indexes(event, request.steps),
        exclusions: indexes(event, request.exclusions),
        value: valueNumber(event),
      }));
      const attempts = survivingAttempts(known, { ...request, steps: request.steps.length });
      return { person, attempts, best: bestAttempt(attempts) };
    });
}

function expectSteps(
  got: FunnelAnswer["steps"],
  request: FunnelRequest,
  bests: readonly ReferenceAttempt[],
  what: string,
): void {
  const counts = request.steps.map((_, step) => bests.filter(({ timesMs }) => timesMs.length > step).length);
  expect(
    got.map(({ count }) => count),
    what,
  ).toEqual(counts);
  got.forEach((step, index) => {
    expect(step.label, what).toBe(request.steps[index]?.label);
    const before = index === 0 ? counts[0] : counts[index - 1];
    expect(step.rate_total, what).toBe(counts[0] === 0 ? 0 : step.count / (counts[0] as number));
    expect(step.rate_step, what).toBe(before === 0 ? 0 : step.count / (before as number));
    const gaps = bests
      .filter(({ timesMs }) => index > 0 && timesMs.length > index)
      .map(({ timesMs }) => (timesMs[index] as number) - (timesMs[index - 1] as number));
    expectTimes(step, gaps, what);
  });
}

function expectTimes(
  got: { avg_seconds: number | null; median_seconds: number | null },
  durationsMs: readonly number[],
  what: string,
): void {
  if (durationsMs.length === 0) {
    expect([got.avg_seconds, got.median_seconds], what).toEqual([null, null]);
    return;
  }
  const sorted = [...durationsMs].sort((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
  expect(got.median_seconds, what).toBeCloseTo(median / 1000, 6);
  expect(got.avg_seconds, what).toBeCloseTo(
    sorted.reduce((sum, gap) => sum + gap, 0) / sorted.length / 1000,
    6,
  );
}

/** Numbers by which the query tells values apart, by their texts. */
async function valueNumbers(texts: readonly string[]): Promise<Map<string, number>> {
  const result = await database.clickhouse.query({
    query: `SELECT text, toInt64(bitShiftRight(sipHash64(text), 11))
      FROM (SELECT arrayJoin({texts:Array(String)}) AS text)`,
    query_params: { texts },
    format: "JSONCompact",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return new Map((await result.json<[string, number]>()).data);
}

function expectBreakdown(
  got: FunnelAnswer["breakdowns"],
  request: FunnelRequest,
  world: World,
  people: readonly ReferencePerson[],
  textOfValue: (value: number) => string,
  what: string,
): void {
  const { breakdown } = request;
  if (breakdown === undefined) {
    expect(got, what).toBeUndefined();
    return;
  }
  const entered = people.filter(({ best }) => best !== undefined);
  const bestsOf = (chosen: readonly ReferencePerson[]): ReferenceAttempt[] =>
    chosen.flatMap(({ best }) => best ?? []);
  if ("cohorts" in breakdown) {
    expect(got?.map(({ value }) => value)).toEqual(breakdown.cohorts);
    got?.forEach(({ value, steps }) => {
      const persons = new Set([...(world.cohorts.get(value) ?? [])].map((user) => world.personOf(user)));
      const members = entered.filter(({ person }) => persons.has(person));
      expectSteps(steps, request, bestsOf(members), `${what} cohort ${value}`);
    });
    return;
  }
  const groups = [...Map.groupBy(entered, ({ best }) => textOfValue((best as ReferenceAttempt).value))];
  groups.sort(
    ([leftText, left], [rightText, right]) =>
      right.length - left.length ||
      Number(leftText === breakdownNone) - Number(rightText === breakdownNone) ||
      (leftText < rightText ? -1 : 1),
  );
  const shown = groups.slice(0, breakdown.limit);
  const rest = groups.slice(breakdown.limit).flatMap(([, group]) => group);
  const expected = [...shown, ...(rest.length > 0 ? [[breakdownOther, rest] as const] : [])];
  expect(
    got?.map(({ value }) => value),
    what,
  ).toEqual(expected.map(([text]) => text));
  expected.forEach(([text, group], index) =>
    expectSteps(got?.[index]?.steps ?? [], request, bestsOf(group), `${what} value ${text}`),
  );
}

function expectTrend(
  got: FunnelAnswer["trend"],
  query: FunnelQuery,
  request: FunnelRequest,
  people: readonly ReferencePerson[],
  what: string,
): void {
  const { trend } = request;
  if (trend === undefined) {
    expect(got, what).toBeUndefined();
    return;
  }
  const bucketOf = ({ startMs }: ReferenceAttempt): number =>
    intervalStart(startMs, query.timezone as string, query.interval as "day", query.week_start as "monday");
  const count = (start: number, reached: number): number =>
    people.filter(({ attempts }) =>
      attempts.some((attempt) => bucketOf(attempt) === start && attempt.timesMs.length >= reached),
    ).length;
  expect(got, what).toEqual(
    trend.buckets.startsMs.map((start) => ({
      bucket: new Date(start).toISOString(),
      entered: count(start, trend.fromStep + 1),
      converted: count(start, request.steps.length),
    })),
  );
}

function expectConversion(
  got: Pick<FunnelAnswer, "histogram" | "conversion">,
  request: FunnelRequest,
  bests: readonly ReferenceAttempt[],
  what: string,
): void {
  if (request.histogram === undefined) {
    expect(got.histogram, what).toBeUndefined();
    return;
  }
  const durations = bests
    .filter(({ timesMs }) => timesMs.length === request.steps.length)
    .map(({ timesMs }) => (timesMs.at(-1) as number) - (timesMs[0] as number));
  expect(got.conversion?.count, what).toBe(durations.length);
  expectTimes(got.conversion as NonNullable<typeof got.conversion>, durations, what);
  expect(
    got.histogram?.map(({ count }) => count),
    what,
  ).toEqual(
    got.histogram?.map(
      // A bin may be a millisecond wide, which as seconds is no exact number.
      ({ from_seconds: from, to_seconds: to }) =>
        durations.filter((ms) => ms >= Math.round(from * 1000) && ms < Math.round(to * 1000)).length,
    ),
  );
  expect(
    got.histogram?.reduce((sum, { count }) => sum + count, 0),
    what,
  ).toBe(durations.length);
}

async function expectUsers(
  world: World,
  query: FunnelQuery,
  people: readonly ReferencePerson[],
  run: () => QueryRun,
  what: string,
): Promise<void> {
  const step = world.random.below(query.steps.length);
  const dropped = step > 0 && world.random.chance(0.5);
  const persons: number[] = [];
  let cursor: string | null = null;
  do {
    const body = { ...query, step, dropped, limit: 7, ...(cursor === null ? {} : { cursor }) };
    const page = await listPersons(readFunnelUsersRequest(body, Date.now()), run(), pool);
    persons.push(...page.persons);
    cursor = page.next;
  } while (cursor !== null);
  const reached = ({ best }: ReferencePerson): number => best?.timesMs.length ?? 0;
  const expected = people.filter((each) => (dropped ? reached(each) === step : reached(each) > step));
  expect(persons, `${what} users of step ${step}, dropped ${dropped}`).toEqual(
    expected.map(({ person }) => person),
  );
}

it(
  `agrees with the reference (seed ${seed}, ${cases} cases)`,
  { timeout: 30_000 + cases * 1000 },
  async () => {
    let converted = 0;
    const sources = new Set<string>();
    for (let index = 0; index < cases; index += 1) {
      const worldIndex = Math.floor(index / casesOfWorld);
      const projectId = 10 + 2 * worldIndex;
      if (index % casesOfWorld === 0) {
        world = createRandomWorld(seed + worldIndex, { users: 50, events: 700 });
        await storeWorld(database, projectId, world);
      }
      const query = randomQuery(world);
      const what = `seed ${seed}, case ${index}: ${JSON.stringify(query)}`;
      const request = readFunnelRequest(query, Date.now());
      const texts = new Map<ReferenceEvent, string | null>();
      const { breakdown } = request;
      if (breakdown !== undefined && "property" in breakdown) {
        for (const event of world.events) {
          const value =
            breakdown.on === "user"
              ? world.userValue(world.personOf(event.user), breakdown.property)
              : valueOf(event, breakdown.property);
          texts.set(event, textOf(value));
        }
      }
      const numbers = await valueNumbers([...new Set([...texts.values()].filter((text) => text !== null))]);
      const textOfNumber = new Map([...numbers].map(([text, number]) => [number, text]));
      const people = followPeople(
        world,
        request,
        (event) => numbers.get(texts.get(event) ?? "") ?? noneValue,
      );
      const bests = people.flatMap(({ best }) => best ?? []);
      converted += bests.filter(({ timesMs }) => timesMs.length > 1).length;

      const newRun = (): QueryRun =>
        new QueryRun({ store, projectId, signal: new AbortController().signal, people: world.people });
      const groups = index % 40 === 7 ? 32 : world.random.pick([1, 1, 1, 1, 2, 4]);
      const run = newRun();
      const answer = await answerFunnel(request, run, pool, { groups });
      for (const source of run.source.split("+")) sources.add(source);
      expectSteps(answer.steps, request, bests, what);
      expectBreakdown(
        answer.breakdowns,
        request,
        world,
        people,
        (value) => textOfNumber.get(value) ?? breakdownNone,
        what,
      );
      expectTrend(answer.trend, query, request, people, what);
      expectConversion(answer, request, bests, what);
      if (index % 4 === 0) await expectUsers(world, query, people, newRun, what);
    }
    expect(converted).toBeGreaterThan(cases);
    if (cases >= 50) expect([...sources].sort()).toEqual(["events", "steps"]);
  },
);

let world: World;
