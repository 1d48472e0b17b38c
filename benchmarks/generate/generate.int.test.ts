// Generated data is what it says: the same again by the same seed, rollups equal to rows, planted answers true by
// plain SQL over the raw events and by the product's own answers.
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { operations } from "#schemas/operations/operations.ts";
import { startTestTier, type TestTier } from "#query/testing/test-tier.ts";
import { compareAnswer, type KnownAnswer } from "./known-answers.ts";
import { dayMs } from "./plan.ts";
import { generate, type RunResult } from "./run.ts";
import { eventNames } from "./template-sql.ts";
import { countTakenRanges } from "./users.ts";

const endMs = Date.UTC(2026, 10, 1);
const wanted = {
  events: 80_000,
  users: 2_000,
  seed: 7,
  run: 0,
  fromMs: endMs - 35 * dayMs,
  endMs,
  retentionDays: 0,
};
const projects = { first: 901, again: 902, other: 903, gone: 904 };
const partitions = 4;

let tier: TestTier;
let postgres: pg.Pool;
let result: RunResult;

const quiet = { events: () => undefined, users: () => undefined };

function run(projectId: number, seed = wanted.seed, aggregatesOnly = false): Promise<RunResult> {
  const stores = { clickhouse: tier.database.clickhouse, postgres };
  return generate(stores, { ...wanted, projectId, seed }, { partitions, report: quiet, aggregatesOnly });
}

async function rows(sql: string): Promise<unknown[][]> {
  const answer = await tier.database.clickhouse.query({
    query: sql,
    format: "JSONCompact",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return (await answer.json<unknown[]>()).data;
}

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  const { host, port, user, password, database } = tier.postgres as unknown as pg.ClientConfig;
  postgres = new pg.Pool({
    ...{ host, port, user, database },
    ...(password === undefined ? {} : { password }),
    max: 2,
  } as pg.PoolConfig);
  result = await run(projects.first);
});

afterAll(async () => {
  await postgres.end();
  await tier.stop();
});

const fingerprint = (projectId: number): string =>
  `SELECT count(), groupBitXor(sipHash64(event, timestamp, user_number, event_id, user_id, session_id, toString(properties), context,
    page_url, referrer_domain, utm_source, browser, os, device, received_at)) FROM events WHERE project_id = ${projectId}`;

it("makes the same events and answers again by the same seed, and others by another", async () => {
  const again = await run(projects.again);
  expect(again.answers).toEqual(result.answers);
  await run(projects.other, 8);
  const [first] = await rows(fingerprint(projects.first));
  expect(first?.[0]).toBe(wanted.events);
  expect(await rows(fingerprint(projects.again))).toEqual([first]);
  expect(await rows(fingerprint(projects.other))).not.toEqual([first]);
});

it("fills steps and rollups with exactly the rows", async () => {
  const where = `WHERE project_id = ${projects.first}`;
  const [raw] = await rows(
    `SELECT count(), uniqExact(event), uniqExact(event, user_number), uniqExact(event_id), min(timestamp) >= fromUnixTimestamp64Milli(${wanted.fromMs}), max(timestamp) < fromUnixTimestamp64Milli(${endMs}) FROM events ${where}`,
  );
  expect(raw?.slice(3)).toEqual([wanted.events, true, true].map((each) => (each === true ? 1 : each)));
  const pairs = `SELECT sum(n), count(), sum(u) FROM`;
  for (const table of ["rollup_day", "rollup_hour"]) {
    const sql = `${pairs} (SELECT event, sum(events) AS n, groupBitmapMerge(users) AS u FROM ${table} ${where} GROUP BY event)`;
    expect(await rows(sql), table).toEqual([raw?.slice(0, 3)]);
  }
  expect(await rows(`SELECT sum(events) FROM rollup_minute ${where}`)).toEqual([[wanted.events]]);
  expect(
    await rows(`SELECT count(), uniqExact(event), uniqExact(event, user_number) FROM steps ${where}`),
  ).toEqual([raw?.slice(0, 3)]);
});

it("leaves the same steps and rollups when no event is kept", async () => {
  const kept = result.answers.filter(({ needsRows }) => needsRows !== true);
  const gone = await run(projects.gone, wanted.seed, true);
  expect(gone.answers).toEqual(kept);
  expect(gone.answers.length).toBeLessThan(result.answers.length);
  const [first, second] = [projects.first, projects.gone];
  expect(await rows(`SELECT count() FROM events WHERE project_id = ${second}`)).toEqual([[0]]);
  const sums: Record<string, string> = {
    steps: "count(), groupBitXor(sipHash64(event, bucket, user_number, timestamp))",
    rollup_minute: "sum(events), groupBitXor(sipHash64(event, minute))",
    rollup_hour: "sum(events), groupBitmapMerge(users)",
    rollup_day: "sum(events), groupBitmapMerge(users)",
    rollup_day_any: "sum(events), groupBitmapMerge(users)",
  };
  for (const [table, sum] of Object.entries(sums)) {
    const sql = (project: number): string =>
      `SELECT ${sum} FROM ${table} ${table === "rollup_minute" ? "FINAL" : ""} WHERE project_id = ${project}`;
    expect(await rows(sql(second)), table).toEqual(await rows(sql(first)));
  }
});

it("looks like people: few names make most events, sessions in order, more by day than by night", async () => {
  const where = `WHERE project_id = ${projects.first}`;
  const top = await rows(
    `SELECT event, count() FROM events ${where} AND event IN (${eventNames.map((name) => `'${name}'`).join(", ")}) GROUP BY event ORDER BY count() DESC`,
  );
  expect(top.length).toBe(eventNames.length);
  expect(top[0]?.[0]).toBe("page_viewed");
  expect(Number(top[0]?.[1]) / Number(top.at(-1)?.[1])).toBeGreaterThan(4);
  const [hours] = await rows(
    `SELECT countIf(toHour(timestamp) = 12), countIf(toHour(timestamp) = 3) FROM events ${where}`,
  );
  expect(Number(hours?.[0])).toBeGreaterThan(4 * Number(hours?.[1]));
  const [sessions] = await rows(
    `SELECT max(last - first) / 60, avg(n) FROM (SELECT session_id, toUnixTimestamp(min(timestamp)) AS first, toUnixTimestamp(max(timestamp)) AS last, count() AS n FROM events ${where} AND NOT startsWith(event, 'habit') AND event NOT IN ('pulse') AND NOT startsWith(event, 'signup') GROUP BY session_id)`,
  );
  expect(Number(sessions?.[0])).toBeLessThan(60);
  expect(Number(sessions?.[1])).toBeGreaterThan(2);
});

describe("users", () => {
  it("have numbers that ids resolve to, in the partition of the id", async () => {
    const { rows: numbers } = await postgres.query<{ numbers: number; users: number; highest: string }>(
      `SELECT count(DISTINCT user_number)::int AS numbers, count(*)::int AS users, max(user_number) AS highest
       FROM user_numbers WHERE project_id = $1 AND user_key = 'u:gen_' || user_number AND partition BETWEEN 0 AND $2`,
      [projects.first, partitions - 1],
    );
    expect(numbers).toEqual([
      { numbers: wanted.users, users: wanted.users, highest: String(wanted.users - 1) },
    ]);
    expect(await countTakenRanges(postgres, projects.first)).toBe(1);
    const [wrong] = await rows(
      `SELECT countIf(user_id != concat('gen_', toString(user_number))), max(user_number) FROM events WHERE project_id = ${projects.first}`,
    );
    expect(wrong?.[0]).toBe(0);
    expect(wrong?.[1]).toBeLessThan(wanted.users);
  });

  it("of a second run come after those of the first, with planted names of their own", async () => {
    const taken = await countTakenRanges(postgres, projects.other);
    const stores = { clickhouse: tier.database.clickhouse, postgres };
    const second = await generate(
      stores,
      { ...wanted, projectId: projects.other, run: taken, events: 50_000, users: 1_000 },
      { partitions, report: quiet },
    );
    expect(second.plan.firstNumber).toBe(65_536);
    expect(
      await rows(
        `SELECT uniqExact(user_number) FROM events WHERE project_id = ${projects.other} AND event = 'pulse'`,
      ),
    ).toEqual([[400]]);
    expect(
      await rows(
        `SELECT uniqExact(user_number) FROM events WHERE project_id = ${projects.other} AND event = 'pulse_2'`,
      ),
    ).toEqual([[200]]);
  });
});

function expectedOf(name: string): Record<string, unknown> {
  const known = result.answers.find((each) => each.name === name);
  if (known === undefined) throw new Error(`nothing is known of ${name}`);
  return known.expected as Record<string, unknown>;
}

describe("planted answers are true by plain SQL", () => {
  const where = `WHERE project_id = ${projects.first}`;

  it("of the funnel", async () => {
    // Every pair and triple of events, the first in any order but time.
    const events = (name: string): string =>
      `(SELECT user_number AS u, toUnixTimestamp64Milli(timestamp) AS t FROM events ${where} AND event = '${name}')`;
    const week = 7 * dayMs;
    const pairs = `SELECT a.u AS u, a.t AS t0, b.t AS t1 FROM ${events("signup_started")} AS a JOIN ${events("signup_completed")} AS b ON a.u = b.u WHERE t1 >= t0 AND t1 <= t0 + ${week}`;
    const triples = `SELECT p.u AS u FROM (${pairs}) AS p JOIN ${events("first_order")} AS c ON p.u = c.u WHERE c.t >= p.t1 AND c.t <= p.t0 + ${week}`;
    const [counts] = await rows(
      `SELECT (SELECT uniqExact(u) FROM ${events("signup_started")}), (SELECT uniqExact(u) FROM (${pairs})), (SELECT uniqExact(u) FROM (${triples}))`,
    );
    const steps = expectedOf("funnel in order")["steps"] as { count: number }[];
    expect(counts).toEqual(steps.map(({ count }) => count));
  });

  it("of retention", async () => {
    const cohorts = expectedOf("retention by week, recurring")["cohorts"] as {
      start: string;
      returned: number[];
    }[];
    const found = await rows(
      `SELECT toUnixTimestamp(toMonday(a.timestamp)) AS week, dateDiff('week', toMonday(a.timestamp), toMonday(b.timestamp)) AS later, uniqExact(a.user_number)
       FROM (SELECT * FROM events ${where} AND event = 'habit_started') AS a
       JOIN (SELECT * FROM events ${where} AND event = 'habit_done') AS b ON a.user_number = b.user_number
       GROUP BY week, later ORDER BY week, later`,
    );
    expect(found).toEqual(
      cohorts.flatMap(({ start, returned }) =>
        returned.slice(1).map((people, index) => [Date.parse(start) / 1000, index + 1, people]),
      ),
    );
  });

  it("of counts, sums and segments", async () => {
    const [found] = await rows(
      `SELECT count(), uniqExact(user_number), sum(properties.amount.:Int64) FROM events ${where} AND event = 'pulse'`,
    );
    const total = (name: string): unknown => (expectedOf(name)["series"] as { total: unknown }[])[0]?.total;
    expect(found).toEqual([total("events"), total("distinct people"), total("sum of a property")]);
    const tiers = await rows(
      `SELECT text, uniqExact(user_number) FROM user_properties ${where} AND property = 'tier'
       AND user_number IN (SELECT user_number FROM events ${where} AND event = 'pulse') GROUP BY text ORDER BY text`,
    );
    expect(tiers).toEqual(
      ["enterprise", "free", "pro"].map((tierName) => [tierName, total(`people of the segment ${tierName}`)]),
    );
  });
});

it("the product answers what is known", async () => {
  const wrong: Record<string, string[]> = {};
  // Cohorts are made by workers, which do not run here: `--check` asks for those.
  for (const known of result.answers.filter(({ cohort }) => cohort === undefined)) {
    const differences = compareAnswer(known.expected, await ask(known));
    if (differences.length > 0) wrong[known.name] = differences;
  }
  expect(wrong).toEqual({});
});

function ask(known: KnownAnswer): Promise<unknown> {
  const subject = operations.find(({ path }) => path === known.path)?.service?.subject ?? "";
  return tier.call(subject.slice("svc.query.".length), known.body, projects.first);
}
