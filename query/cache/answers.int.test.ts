// Kept answers through the tier's service: used while they are true, and not a moment longer.
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { storeTime } from "../testing/test-database.ts";
import { base, projectId, row, startTestTier, type TestTier } from "../testing/test-tier.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
let tier: TestTier;
let eventIds = 100_000;

beforeAll(async () => {
  const { postgresUrl, redisUrl } = inject("servers");
  tier = await startTestTier(postgresUrl, { MILLRACE_REDIS_URL: redisUrl });
});

afterAll(() => tier.stop());

const trends = (body: object): Promise<TrendsAnswer> => tier.call("trends", body) as Promise<TrendsAnswer>;
const total = ({ series }: TrendsAnswer): number | null | undefined => series[0]?.total;

/** A question that no other test asks. */
let asked = 0;
function question(more: object = {}): Record<string, unknown> {
  asked += 1;
  return {
    from: "2026-11-01",
    to: "2026-11-03",
    series: [{ event: "order", label: `question ${asked}` }],
    ...more,
  };
}

async function addEvent(atMs: number, more: object = {}): Promise<void> {
  eventIds += 1;
  await tier.database.insertEvents([
    { ...row(0), timestamp: storeTime(atMs), event_id: `added-${eventIds}`, ...more },
  ]);
}

async function insert(table: string, values: object[]): Promise<void> {
  await tier.database.clickhouse.insert({
    table,
    values,
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });
}

describe("a kept answer", () => {
  it("is used again, whatever the order of the question's members", async () => {
    const query = question();
    const first = await trends(query);
    const again = await trends(Object.fromEntries(Object.entries(query).reverse()));
    expect([first.meta.cache, again.meta.cache]).toEqual(["miss", "hit"]);
    expect(again.series).toEqual(first.series);
    expect(again.meta).toMatchObject({ source: first.meta.source, rows_read: 0 });
  });

  it("includes all that was acknowledged until it was asked for, also when it is older", async () => {
    const query = question();
    await trends(query);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const beforeMs = Date.now();
    const again = await trends(query);
    expect(again.meta.cache).toBe("hit");
    expect(Date.parse(again.meta.as_of ?? "")).toBeGreaterThanOrEqual(beforeMs - 150);
  });

  it("is over at once when an event of its days is stored", async () => {
    const query = question();
    const first = await trends(query);
    await addEvent(base + dayMs + minuteMs);
    const then = await trends(query);
    expect(then.meta.cache).toBe("miss");
    expect(total(then)).toBe((total(first) as number) + 1);
    expect((await trends(query)).meta.cache).toBe("hit");
  });

  it("stays when events of other names, days and projects are stored", async () => {
    const query = question();
    await trends(query);
    await addEvent(base + dayMs, { event: "something else" });
    await addEvent(base + 10 * dayMs);
    await addEvent(base + dayMs, { project_id: 999 });
    expect((await trends(query)).meta.cache).toBe("hit");
  });

  it("is another one for another project and another question", async () => {
    const query = question();
    await trends(query);
    const other = (await tier.call("trends", query, 4)) as TrendsAnswer;
    expect([other.meta.cache, total(other)]).toEqual(["miss", 0]);
    expect((await trends({ ...query, interval: "week" })).meta.cache).toBe("miss");
    expect((await trends({ ...query, explain: true })).meta.cache).toBe("none");
  });

  it("is over when ids are joined and when they are separated", async () => {
    const query = question({ series: [{ event: null, math: "unique_users", label: "joined" }] });
    const before = await trends(query);
    const join = async (person: number, version: number): Promise<void> => {
      await tier.postgres.query(
        `INSERT INTO user_persons (project_id, user_number, person_number) VALUES (3, 1, $1)
         ON CONFLICT (project_id, user_number) DO UPDATE SET person_number = $1`,
        [person],
      );
      await insert("persons", [{ project_id: 3, user_number: 1, person_number: person, version }]);
    };
    await join(2, 7);
    const joined = await trends(query);
    expect([joined.meta.cache, total(joined)]).toEqual(["miss", (total(before) as number) - 1]);
    expect((await trends(query)).meta.cache).toBe("hit");
    await join(1, 8);
    const separated = await trends(query);
    expect([separated.meta.cache, total(separated)]).toEqual(["miss", total(before)]);
  });

  it("is over when a cohort that it uses has other members", async () => {
    await tier.postgres.query(
      `INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES (3, 'three', 'three')`,
    );
    const { rows } = await tier.postgres.query<{ id: number }>(
      "INSERT INTO cohorts (public_id, project_id, name, definition) VALUES ('some', 3, 'some', '{}') RETURNING id",
    );
    const fill = (generation: number, users: number[]) =>
      tier.database.clickhouse.command({
        query: `INSERT INTO cohort_members SELECT 3, ${rows[0]?.id}, ${generation},
          groupBitmapState(arrayJoin(CAST([${users.join(",")}], 'Array(UInt32)')))`,
      });
    await fill(1, [3, 6]);
    const query = question({ filters: [{ cohort: "some" }] });
    const first = await trends(query);
    expect((await trends(query)).meta.cache).toBe("hit");
    await fill(2, [3, 6, 9]);
    const then = await trends(query);
    expect(then.meta.cache).toBe("miss");
    expect(total(then)).toBeGreaterThan(total(first) as number);
  });

  it("is over when a property of users that it names is set, and not for others", async () => {
    const set = (property: string, text: string, version: number) =>
      insert("user_properties", [
        { project_id: 3, property, user_number: 3, once: 0, text, value: `"${text}"`, version },
      ]);
    await set("plan", "pro", 5);
    const query = question({ filters: [{ property: "plan", operator: "eq", value: "pro", on: "user" }] });
    const first = await trends(query);
    expect(total(first)).toBeGreaterThan(0);
    await set("colour", "red", 6);
    expect((await trends(query)).meta.cache).toBe("hit");
    await set("plan", "free", 7);
    const then = await trends(query);
    expect([then.meta.cache, total(then)]).toEqual(["miss", 0]);
  });

  it("is not made while a batch is being written", async () => {
    const query = question();
    await tier.postgres.query("UPDATE log_partitions SET intent_from = 1 WHERE partition = 1");
    expect((await trends(query)).meta.cache).toBe("miss");
    expect((await trends(query)).meta.cache).toBe("miss");
    await tier.postgres.query("UPDATE log_partitions SET intent_from = NULL WHERE partition = 1");
    expect((await trends(query)).meta.cache).toBe("miss");
    expect((await trends(query)).meta.cache).toBe("hit");
  });

  it("is over when somebody took events away and said so", async () => {
    const query = question();
    await trends(query);
    await tier.postgres.query("UPDATE projects SET answers_epoch = answers_epoch + 1 WHERE id = 3");
    expect((await trends(query)).meta.cache).toBe("miss");
  });
});

describe("a range that ends now", () => {
  const open = (): Record<string, unknown> =>
    question({ from: new Date(Date.now() - 2 * dayMs).toISOString().slice(0, 10), to: undefined });

  it("is the same question a moment later", async () => {
    const query = open();
    expect((await trends(query)).meta.cache).toBe("miss");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await trends(query)).meta.cache).toBe("hit");
  });

  it("is another one once an event lies in it that was stored before its time", async () => {
    const query = open();
    const atMs = Date.now() + 900;
    await addEvent(atMs);
    const before = await trends(query);
    expect((await trends(query)).meta.cache).toBe("hit");
    await new Promise((resolve) => setTimeout(resolve, atMs + 20 - Date.now()));
    const after = await trends(query);
    expect([after.meta.cache, total(after)]).toEqual(["miss", (total(before) as number) + 1]);
  });

  it("is made each time when the period before it moves", async () => {
    const query = { ...open(), compare: true };
    expect((await trends(query)).meta.cache).toBe("none");
  });
});

it("works once for equal questions at the same time", async () => {
  const query = question({ series: [{ event: null, math: "p90", property: "amount", label: "at once" }] });
  const answers = await Promise.all(Array.from({ length: 30 }, () => trends(query)));
  expect(answers.filter(({ meta }) => meta.cache === "miss")).toHaveLength(1);
  for (const answer of answers) expect(answer.series).toEqual(answers[0]?.series);
});

it("is made ahead when it is asked often and what was being stored is stored", async () => {
  const query = question();
  const misses = async (): Promise<number> => {
    const metrics = (await tier.connection.request("metrics.collect", "", { timeout: 2_000 })).json<
      { name: string; values: { labels: { outcome?: string }; value: number }[] }[]
    >();
    const { values = [] } = metrics.find(({ name }) => name === "millrace_query_answers_total") ?? {};
    return values.find(({ labels }) => labels.outcome === "miss")?.value ?? 0;
  };
  const first = await trends(query);
  for (let times = 0; times < 3; times += 1) await trends(query);
  await addEvent(base + dayMs);
  const before = await misses();
  await tier.postgres.query("UPDATE log_partitions SET committed_sequence = committed_sequence + 1");
  // Other tests' questions were asked often too: until nothing more is made.
  let made = before;
  for (let quietMs = 0, waitedMs = 0; quietMs < 2_500 && waitedMs < 25_000; waitedMs += 100) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = await misses();
    quietMs = now === made && now > before ? quietMs + 100 : 0;
    made = now;
  }
  expect(made).toBeGreaterThan(before);
  const answer = await trends(query);
  expect([answer.meta.cache, total(answer)]).toEqual(["hit", (total(first) as number) + 1]);
}, 60_000);

it("shares answers with processes that start later", async () => {
  const query = question();
  await trends(query);
  const second = await tier.startAnother();
  try {
    // Either process may be asked; both know the answer.
    const answers = await Promise.all(Array.from({ length: 20 }, () => trends(query)));
    expect(answers.map(({ meta }) => meta.cache)).toEqual(answers.map(() => "hit"));
  } finally {
    await second.stop();
  }
});

describe("where answers may be older", () => {
  const staleMs = 1_500;
  let lenient: TestTier;

  beforeAll(async () => {
    lenient = await startTestTier(inject("servers").postgresUrl, {
      MILLRACE_QUERY_STALE_MS_MAX: String(staleMs),
    });
  });
  afterAll(() => lenient.stop());

  const ask = (body: object): Promise<TrendsAnswer> => lenient.call("trends", body) as Promise<TrendsAnswer>;
  const store = async (atMs: number): Promise<void> => {
    eventIds += 1;
    await lenient.database.insertEvents([
      { ...row(0), timestamp: storeTime(atMs), event_id: `added-${eventIds}` },
    ]);
  };

  it("one is used for that long, says of when it is, and is then made again", async () => {
    const query = question();
    const first = await ask(query);
    await store(base + dayMs + minuteMs);
    const young = await ask(query);
    expect([young.meta.cache, total(young), young.meta.as_of]).toEqual([
      "hit",
      total(first),
      first.meta.as_of,
    ]);
    await new Promise((resolve) => setTimeout(resolve, staleMs + 200));
    const after = await ask(query);
    expect(total(after)).toBe((total(first) as number) + 1);
    expect(Date.parse(after.meta.as_of ?? "")).toBeGreaterThan(Date.parse(first.meta.as_of ?? ""));
  });

  it("also while batches are written, when nothing is kept for longer", async () => {
    await lenient.postgres.query(
      "UPDATE log_partitions SET intent_from = 1, intent_to = 2, intent_token = 'open' WHERE partition = 0",
    );
    try {
      const query = question();
      expect((await ask(query)).meta.cache).toBe("miss");
      expect((await ask(query)).meta.cache).toBe("hit");
      await new Promise((resolve) => setTimeout(resolve, staleMs + 200));
      expect((await ask(query)).meta.cache).toBe("miss");
    } finally {
      await lenient.postgres.query(
        "UPDATE log_partitions SET intent_from = NULL, intent_to = NULL, intent_token = NULL",
      );
    }
  });

  it("none is used across a join of ids", async () => {
    const query = question({ series: [{ event: "order", math: "unique_users", label: "joined meanwhile" }] });
    expect((await ask(query)).meta.cache).toBe("miss");
    await lenient.postgres.query(
      "INSERT INTO user_persons (project_id, user_number, person_number) VALUES ($1, 1, 0)",
      [projectId],
    );
    expect((await ask(query)).meta.cache).toBe("miss");
  });
});
