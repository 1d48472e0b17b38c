// Kept answers against fresh ones: random questions of every kind, again and again, while events arrive (late ones and
// early ones), ids are joined and separated, cohorts and properties of users change.
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { RandomSource } from "../testing/random-source.ts";
import { storeTime } from "../testing/test-database.ts";
import { base, projectId, row, startTestTier, type TestTier } from "../testing/test-tier.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = Number(process.env["MILLRACE_TEST_CASES"] ?? 40);
const dayMs = 86_400_000;
const users = 10;
let tier: TestTier;

beforeAll(async () => {
  const { postgresUrl, redisUrl } = inject("servers");
  tier = await startTestTier(postgresUrl, { MILLRACE_REDIS_URL: redisUrl });
  await tier.postgres.query(
    `INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES (${projectId}, 'p', 'p')`,
  );
  await tier.postgres.query(
    `INSERT INTO cohorts (public_id, project_id, name, definition) VALUES ('some', ${projectId}, 'some', '{}')`,
  );
});

afterAll(() => tier.stop());

const filters: readonly object[][] = [
  [],
  [],
  [{ property: "amount", operator: "gt", value: 900 }],
  [{ cohort: "some" }],
  [{ cohort: "some", negate: true }],
  [{ property: "plan", operator: "eq", value: "pro", on: "user" }],
];
const events = ["order", 'page "view"\n', null] as const;

function randomQuestion(random: RandomSource): [kind: string, query: object] {
  const from = new Date(base + random.below(3) * dayMs).toISOString().slice(0, 10);
  const to = new Date(base + (3 + random.below(4)) * dayMs).toISOString().slice(0, 10);
  const range = random.chance(0.6) ? { from, to } : random.chance(0.5) ? { from } : {};
  const event = random.pick(events);
  const common = { ...range, filters: random.pick(filters) };
  const selection = { event, filters: random.pick(filters) };
  const cases: (() => [string, object])[] = [
    () => [
      "trends",
      {
        ...common,
        series: [{ event, math: random.pick(["total", "unique_users", "per_user"]) }],
        ...(random.chance(0.3) ? { breakdown: { property: "plan", on: "user" } } : {}),
      },
    ],
    () => ["trends", { ...common, series: [{ event, math: "sum", property: "amount" }], interval: "hour" }],
    () => [
      "funnel",
      {
        ...common,
        steps: [{ event: "order" }, selection],
        window_seconds: random.pick([600, 100_000]),
        order: random.pick(["ordered", "unordered", "strict"]),
      },
    ],
    () => [
      "retention",
      {
        filters: common.filters,
        target: selection,
        from,
        periods: 6,
        type: random.pick(["recurring", "first_time"]),
      },
    ],
    () => ["stickiness", { ...common, event }],
    () => ["lifecycle", { ...common, event }],
    () => ["paths", { ...common, anchor: { event }, steps: 2 }],
  ];
  return random.pick(cases)();
}

let versions = 0;

async function change(random: RandomSource): Promise<void> {
  versions += 1;
  const user = random.below(users);
  const insert = async (table: string, values: object[]): Promise<void> => {
    await tier.database.clickhouse.insert({
      table,
      values,
      format: "JSONEachRow",
      clickhouse_settings: { async_insert: 0 },
    });
  };
  const kind = random.below(6);
  if (kind < 3) {
    const timestampMs =
      kind < 2
        ? base + random.below(8 * dayMs) - dayMs
        : Date.now() + random.below(400) - random.below(dayMs);
    await tier.database.insertEvents([
      {
        ...row(random.below(20)),
        timestamp: storeTime(timestampMs),
        user_number: user,
        event_id: `r${versions}`,
      },
    ]);
  } else if (kind === 3) {
    const person = random.chance(0.3) ? user : random.below(users);
    const isJoined = person !== user;
    // As the workers do: what is decided in Postgres is in the store before anybody is told.
    await tier.postgres.query(
      isJoined
        ? `INSERT INTO user_persons (project_id, user_number, person_number) VALUES (${projectId}, $1, $2)
           ON CONFLICT (project_id, user_number) DO UPDATE SET person_number = $2`
        : `DELETE FROM user_persons WHERE project_id = ${projectId} AND user_number = $1 AND $2 = $1`,
      [user, person],
    );
    await insert("persons", [
      { project_id: projectId, user_number: user, person_number: person, version: versions },
    ]);
  } else if (kind === 4) {
    const members = random.times(1 + random.below(5), () => random.below(users));
    await tier.database.clickhouse.command({
      query: `INSERT INTO cohort_members SELECT ${projectId}, (1), ${versions},
        groupBitmapState(arrayJoin(CAST([${members.join(",")}], 'Array(UInt32)')))`,
    });
  } else {
    const text = random.pick(["pro", "free"]);
    await insert("user_properties", [
      {
        project_id: projectId,
        property: "plan",
        user_number: user,
        once: 0,
        text,
        value: JSON.stringify(text),
        version: versions,
      },
    ]);
  }
}

/** Everything but what differs from one asking to the next. */
function said(answer: unknown): unknown {
  const { meta: _, explain: __, ...rest } = answer as Record<string, unknown>;
  return rest;
}

it(
  `kept answers are those that would be made now (seed ${seed}, ${rounds} rounds)`,
  { timeout: 120_000 + rounds * 1_500 },
  async () => {
    const random = new RandomSource(seed);
    const questions = random.times(14, () => randomQuestion(random));
    const told = new Map<string, number>();
    for (let round = 0; round < rounds; round += 1) {
      if (random.chance(0.5)) await change(random);
      const [kind, query] = random.pick(questions);
      const what = `seed ${seed}, round ${round}: ${kind} ${JSON.stringify(query)}`;
      const answers = await Promise.all(random.times(1 + random.below(3), () => tier.call(kind, query)));
      // Never kept, because it is explained; events that were early may have come into the range between the two.
      const fresh = await tier.call(kind, { ...query, explain: true });
      const again = await tier.call(kind, query);
      for (const answer of [...answers, again]) {
        const { cache } = (answer as { meta: { cache: string } }).meta;
        told.set(cache, (told.get(cache) ?? 0) + 1);
      }
      const isSame = JSON.stringify(said(answers.at(-1))) === JSON.stringify(said(fresh));
      if (!isSame) expect(said(again), what).toEqual(said(fresh));
      else for (const answer of answers) expect(said(answer), what).toEqual(said(fresh));
    }
    console.log(`seed ${seed}: ${[...told].map(([cache, count]) => `${count} ${cache}`).join(", ")}`);
    // Without hits, or without misses, this would prove little.
    expect(told.get("hit")).toBeGreaterThan(rounds / 2);
    expect(told.get("miss")).toBeGreaterThan(rounds / 10);
  },
);
