// Funnels from kept days against the same funnels from rows alone, over random worlds to which late events and joins
// of ids are added between making days, asking, and making them again.
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { funnelDayColumns } from "#schemas/insights/funnel-days.ts";
import { funnelOrders, type FunnelQuery } from "#schemas/query/funnel.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { Store } from "../../store/run-statement.ts";
import { StepColumns } from "../../step-columns/step-columns.ts";
import { createTaskPool } from "../../task-pool.ts";
import type { RandomSource } from "../../testing/random-source.ts";
import {
  createRandomWorld,
  worldEndMs,
  worldEvents,
  worldFromMs,
  worldZones,
  type World,
} from "../../testing/random-world.ts";
import { runOn, storeOf } from "../../testing/run-query.ts";
import { storeWorld } from "../../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/test-database.ts";
import { answerFunnel } from "../funnel/answer.ts";
import { readFunnelRequest } from "../funnel/request.ts";
import { answerFromKept } from "./answer.ts";
import { readStoredVersion } from "./changed-persons.ts";
import { defineFunnel, type FunnelDefinition } from "./definition.ts";
import { DayGone, readAttemptsOfDays } from "./kept-days.ts";
import { closedDays, endedDays, makeDays } from "./make-days.ts";
import { Memory } from "./memory.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const worlds = Number(process.env["MILLRACE_TEST_CASES"] ?? 4);
const rounds = 6;
const questionsOfRound = 8;
const definitionsOfWorld = 3;
const users = 40;

const pool = createTaskPool(2);
let database: TestDatabase;
let store: Store;
let stepColumns: StepColumns;
let projectId = 100;
let generation = 0;
let personsVersion = 10;
const answered = { fromDays: 0, asked: 0 };

beforeAll(async () => {
  database = await createTestDatabase();
  store = storeOf(database);
  stepColumns = new StepColumns({ url: database.url, bytesMax: 64 * 1024 * 1024 });
});

afterAll(async () => {
  await pool.destroy();
  await database.drop();
});

interface Kept {
  readonly id: number;
  readonly query: FunnelDefinition;
  readonly zone: string;
}

function runIn(world: World): QueryRun {
  return runOn(store, projectId, { ...world.people, merged: true });
}

/** Without filters on people, which cannot be kept. */
function randomDefinition(world: World, id: number): Kept {
  const { random } = world;
  for (;;) {
    const steps = 2 + random.below(2);
    const plain = random.chance(0.4);
    const selector = () => ({
      event: random.chance(0.15) ? null : random.pick(worldEvents),
      ...(random.chance(0.3) ? { filters: world.randomFilters(1) } : {}),
    });
    const query = {
      steps: plain
        ? random
            .shuffled(worldEvents)
            .slice(0, steps)
            .map((event) => ({ event }))
        : random.times(steps, selector),
      window_seconds: random.pick([1, 3600, 86_400, 3 * 86_400, 10 * 86_400]),
      order: random.pick(funnelOrders),
      exclusions: random.times(plain ? 0 : random.below(2), () => ({
        ...selector(),
        from_step: 0,
        to_step: steps - 1,
      })),
    };
    const definition = defineFunnel(readFunnelRequest(query, Date.now()));
    if (definition !== undefined) return { id, query: definition.query, zone: random.pick(worldZones) };
  }
}

async function makeSomeDays(world: World, { id, query, zone }: Kept): Promise<void> {
  const { random } = world;
  const range = { from: worldFromMs, to: worldEndMs, timezone: zone };
  const request = readFunnelRequest({ ...query, ...range }, worldEndMs);
  const nowMs = random.pick([worldEndMs, worldEndMs + 20 * 86_400_000, worldFromMs + 20 * 86_400_000]);
  const ended = endedDays(request, zone, nowMs);
  const days = (random.chance(0.5) ? ended : closedDays(ended, request.windowMs, nowMs)).filter(() =>
    random.chance(0.9),
  );
  const run = runIn(world);
  const made = await makeDays(run, pool, request, {
    definitionId: id,
    generation: ++generation,
    personsVersion: await readStoredVersion(run),
    days,
  });
  if (made.days.length === 0) return;
  const { stream } = await database.clickhouse.exec({
    query: `INSERT INTO funnel_days (${funnelDayColumns}) FORMAT RowBinary`,
    values: Readable.from(made.days, { objectMode: false }),
    clickhouse_settings: { async_insert: 0 },
  });
  stream.resume();
}

/** Ids of one random person, or of some that were joined, become another's, or their own again. */
async function joinSome(random: RandomSource, personOf: Map<number, number>): Promise<void> {
  const values: object[] = [];
  const move = (user: number, person: number): void => {
    personOf.set(user, person);
    personsVersion += 1;
    values.push({ project_id: projectId, user_number: user, person_number: person, version: personsVersion });
  };
  for (let count = 1 + random.below(3); count > 0; count -= 1) {
    const user = random.below(users);
    const [from, to] = [user, random.below(users)].map((each) => personOf.get(each) ?? each) as [
      number,
      number,
    ];
    const members = (person: number): number[] =>
      [...new Set([person, ...personOf.keys()])].filter((each) => (personOf.get(each) ?? each) === person);
    if (random.chance(0.3)) {
      // One leaves; were it the one that names the person, the others would be named after one of them.
      if (from !== user) move(user, user);
    } else if (from !== to) {
      for (const member of members(from)) move(member, to);
    }
  }
  if (values.length > 0) {
    await database.clickhouse.insert({
      table: "persons",
      values,
      format: "JSONEachRow",
      clickhouse_settings: { async_insert: 0 },
    });
  }
}

function randomQuestion(world: World, { query }: Kept): FunnelQuery {
  const { random } = world;
  const [from, to] = [world.randomInstant(), world.randomInstant()].sort((left, right) => left - right);
  const view = random.pick(["steps", "steps", "trend", "time_to_convert"] as const);
  return {
    ...(query as unknown as FunnelQuery),
    ...(random.chance(0.5)
      ? { from: worldFromMs, to: worldEndMs }
      : { from: from as number, to: to as number }),
    timezone: random.pick(worldZones),
    view,
    ...(view === "trend"
      ? { interval: random.pick(["day", "week", "month"] as const), from_step: random.below(2) }
      : {}),
    ...(view === "time_to_convert" ? { bins: 1 + random.below(20) } : {}),
  };
}

it(`kept days change no answer, whatever comes late (seed ${seed})`, { timeout: 300_000 }, async () => {
  for (let number = 0; number < worlds; number += 1) {
    projectId += 10;
    const world = createRandomWorld(seed + number, { users, events: 1_200 });
    const { random } = world;
    const personOf = new Map<number, number>();
    const nothing = { ...world, persons: new Map(), userProperties: [], cohorts: new Map() };
    let stored = Math.floor(world.events.length * 0.8);
    await storeWorld(database, projectId, { ...nothing, events: world.events.slice(0, stored) });
    const definitions = random.times(definitionsOfWorld, (index) => randomDefinition(world, index + 1));
    for (let round = 0; round < rounds; round += 1) {
      for (const definition of definitions) if (random.chance(0.7)) await makeSomeDays(world, definition);
      if (random.chance(0.5)) await joinSome(random, personOf);
      if (random.chance(0.5)) {
        const late = world.events.slice(stored, stored + 1 + random.below(5));
        stored += late.length;
        await storeWorld(database, projectId, { ...nothing, events: late });
      }
      for (let index = 0; index < questionsOfRound; index += 1) {
        const definition = random.pick(definitions);
        const question = randomQuestion(world, definition);
        const request = readFunnelRequest(question, worldEndMs);
        const run = runIn(world);
        const sources = random.chance(0.5) ? { pool, stepColumns } : { pool };
        const kept = await answerFromKept(request, run, sources, [definition.id]);
        answered.asked += 1;
        if (kept === undefined) continue;
        answered.fromDays += 1;
        const said = JSON.stringify({ world: seed + number, round, index, zone: definition.zone, question });
        expect(kept, said).toEqual(await answerFunnel(request, runIn(world), pool));
      }
    }
  }
  // Otherwise nothing was compared.
  expect(answered.fromDays, JSON.stringify(answered)).toBeGreaterThan(answered.asked / 8);
  console.info(`${answered.fromDays} of ${answered.asked} answers came from kept days`);
});

it("a day that was merged away while it was read is noticed", async () => {
  const run = runIn(createRandomWorld(seed));
  const day = { startMs: 0, endMs: 1, generation: 2 ** 40, events: 0, personsVersion: 0 };
  await expect(readAttemptsOfDays(run, new Memory(), 1, 2, [day])).rejects.toThrow(DayGone);
});
