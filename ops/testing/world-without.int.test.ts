// The oracle of erasure: two projects get the same events, but one of them never those of some people. After these people
// are erased from the other one, while worker processes die, every answer of both projects is the same: answers that were
// kept, columns in memory, days that are kept by selector and by funnel, cohorts, names and profiles among them.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Cohort } from "#schemas/cohorts/cohort.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { callService } from "#streams/call-service.ts";
import { RandomSource } from "#query/testing/random-source.ts";
import { startQueryProcess } from "#workers/testing/query-process.ts";
import { startBed, type Bed } from "#workers/testing/worker-processes.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = Number(process.env["MILLRACE_TEST_CASES"] ?? 1);
const random = new RandomSource(seed);
const [whole, without] = [1, 2] as const;
const dayMs = 86_400_000;
const names = ["visit", "sign up", "order", "only the erased do this"];
const people = Array.from({ length: 24 }, (_, index) => `person-${index}`);
const nowMs = Date.now();
const range = { from: nowMs - 41 * dayMs, to: nowMs + dayMs };

let bed: Bed;
const stops: (() => Promise<void> | void)[] = [];
/** By project: events of each people that were sent and not erased. */
const sent = new Map<number, LogEvent[]>([
  [whole, []],
  [without, []],
]);
let nextId = 0;

beforeAll(async () => {
  bed = await startBed();
  stops.push(() => bed.close());
  await bed.postgres.query("INSERT INTO projects (public_id, name) VALUES ('whole', 'w'), ('without', 'w')");
  const query = await startQueryProcess(bed);
  stops.push(() => query.stop());
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

/** Processes are killed meanwhile: asked again until one answers. */
async function call<T>(projectId: number, subject: string, payload: object): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return (await callService(bed.connection, subject, payload, {
        requestId: "r",
        projectId,
        timeoutMs: 20_000,
      })) as T;
    } catch (error) {
      const { code } = error as { code?: string };
      if (Date.now() > deadline || (code !== "SERVICE_UNAVAILABLE" && code !== "STORE_UNAVAILABLE")) {
        throw new Error(`${subject} ${JSON.stringify(payload)} of ${projectId}`, { cause: error });
      }
      await sleep(100);
    }
  }
}

/** `device`: the event joins it to the person. */
function randomEvent(person: string, erased: boolean, device?: number): Omit<LogEvent, "project_id"> {
  const properties: Record<string, unknown> = {
    amount: random.below(40) - 5,
    country: random.pick(["NL", "DE", "nl", "12"]),
  };
  if (random.chance(0.2)) properties["$set"] = { plan: random.pick(["free", "pro"]) };
  const joins = device !== undefined || random.chance(0.05);
  nextId += 1;
  return {
    event: joins ? "$identify" : random.pick(erased ? names : names.slice(0, 3)),
    event_id: `e${nextId}`,
    user_id: joins || random.chance(0.7) ? person : "",
    anonymous_id: `${person}-device-${device ?? random.below(2)}`,
    session_id: "",
    timestamp: nowMs - Math.floor(random.next() * 40 * dayMs),
    received_at: Date.now(),
    properties: JSON.stringify(properties),
    context: "{}",
    user_agent: "",
  };
}

/** Everybody's to the one project, and to the other one without those of the people who go. */
async function send(count: number, present: readonly string[], going: readonly string[]): Promise<void> {
  const events = random.times(count, () => {
    const person = random.pick([...present, ...going]);
    return { event: randomEvent(person, going.includes(person)), goes: going.includes(person) };
  });
  // All ids of who goes are one person.
  for (const person of going) {
    for (const device of [0, 1]) events.push({ event: randomEvent(person, true, device), goes: true });
  }
  for (const projectId of [whole, without]) {
    const own = events
      .filter(({ goes }) => projectId === whole || !goes)
      .map(({ event }) => ({ ...event, project_id: projectId }));
    await bed.publish(own);
    sent.get(projectId)?.push(...own);
  }
}

async function countStored(): Promise<number[]> {
  const result = await bed.clickhouse.query({
    query: "SELECT countIf(project_id = 1) AS whole, countIf(project_id = 2) AS without FROM events",
    format: "JSONEachRow",
  });
  const [row] = await result.json<{ whole: string; without: string }>();
  return [Number(row?.whole), Number(row?.without)];
}

async function stored(): Promise<void> {
  const counts = [whole, without].map((projectId) => sent.get(projectId)?.length);
  await expect.poll(countStored, { timeout: 40_000, interval: 100 }).toEqual(counts);
  // Rows are seen before what is derived of them: until the batch has ended.
  const open = async (): Promise<number | null> =>
    (await bed.postgres.query("SELECT FROM log_partitions WHERE intent_token IS NOT NULL")).rowCount;
  await expect.poll(open, { timeout: 20_000, interval: 50 }).toBe(0);
}

interface Question {
  readonly subject: string;
  readonly payload: object;
}

function randomQuestions(): Question[] {
  const event = (): string | null => (random.chance(0.25) ? null : random.pick(names));
  const filters = (): object[] =>
    random.chance(0.5)
      ? []
      : [
          random.pick([
            { property: "country", operator: "eq", value: "NL" },
            { property: "amount", operator: "gt", value: 10 },
            { property: "plan", operator: "eq", value: "pro", on: "user" },
            { property: "plan", operator: "is_not_set", on: "user" },
          ]),
        ];
  const interval = (): string => random.pick(["hour", "day", "week", "month"]);
  const timezone = random.pick(["UTC", "Europe/Amsterdam", "Asia/Kolkata"]);
  const ofDays = { from: random.chance(0.5) ? range.from : range.from + 13 * dayMs, to: range.to, timezone };
  const steps = (): object[] =>
    random.times(2 + random.below(2), () => ({ event: event(), filters: filters() }));
  const day = (): string => random.pick(["day", "week"]);
  return [
    ...random.times(8, () => ({
      subject: "svc.query.trends",
      payload: {
        ...ofDays,
        interval: interval(),
        series: [
          {
            event: event(),
            math: random.pick(["total", "unique_users", "per_user", "sum", "avg", "max", "median"]),
            property: "amount",
            filters: filters(),
          },
        ],
        ...(random.chance(0.5)
          ? {
              breakdown: random.pick([
                { property: "country" },
                { property: "$event" },
                { property: "plan", on: "user" },
              ]),
            }
          : {}),
      },
    })),
    ...random.times(5, () => ({
      subject: "svc.query.funnel",
      payload: {
        ...ofDays,
        steps: steps(),
        window_seconds: random.pick([3_600, 14 * 86_400]),
        order: random.pick(["ordered", "strict", "unordered"]),
        view: random.pick(["steps", "trend", "time_to_convert"]),
      },
    })),
    ...random.times(3, () => ({
      subject: "svc.query.retention",
      payload: {
        from: ofDays.from,
        timezone,
        period: day(),
        periods: 6,
        type: random.pick(["recurring", "first_time"]),
        target: { event: event(), filters: filters() },
        returning: { event: event() },
      },
    })),
    { subject: "svc.query.stickiness", payload: { ...ofDays, interval: "day", event: event() } },
    { subject: "svc.query.lifecycle", payload: { ...ofDays, interval: "week", event: event() } },
    { subject: "svc.query.paths", payload: { ...ofDays, anchor: { event: "visit" } } },
    { subject: "svc.query.event_names", payload: {} },
    { subject: "svc.query.properties", payload: {} },
    { subject: "svc.query.properties", payload: { event: "order" } },
  ];
}

/** Without what differs by time and way: how long it took, where it came from. */
function comparable(subject: string, answer: unknown): unknown {
  if (subject === "svc.cohorts.list") {
    return (answer as { cohorts: Cohort[] }).cohorts.map(({ name, size }) => ({ name, size }));
  }
  return JSON.parse(
    JSON.stringify(answer, (key, value: unknown) => {
      // Examples: any of the newest rows, and sessions named by user numbers.
      if (key === "meta" || key === "next" || key === "examples") return undefined;
      return typeof value === "number" ? Number(value.toPrecision(10)) : value;
    }),
  ) as unknown;
}

async function compare(questions: readonly Question[], what: string): Promise<void> {
  for (const { subject, payload } of questions) {
    const [got, expected] = await Promise.all(
      [whole, without].map(async (project) => comparable(subject, await call(project, subject, payload))),
    );
    expect(got, `seed ${seed}, ${what}: ${subject} ${JSON.stringify(payload)}`).toEqual(expected);
  }
}

async function saveThings(projectId: number): Promise<void> {
  await call(projectId, "svc.dimensions.replace", {
    properties: [{ property: "country" }],
    numbers: ["amount"],
  });
  const definitions = {
    "who orders": { did: { event: "order", at_least: 2, days: 60 } },
    pros: { property: "plan", operator: "eq", value: "pro", on: "user" },
  };
  for (const [name, definition] of Object.entries(definitions)) {
    await call(projectId, "svc.cohorts.create", { name, definition });
  }
  await call(projectId, "svc.cohorts.create", {
    name: "listed",
    ids: [...people, "leaver-0-0", "leaver-1-1"],
  });
  const steps = [{ event: "visit" }, { event: "order" }];
  await call(projectId, "svc.insights.create", {
    name: "f",
    kind: "funnel",
    query: { steps, window_seconds: 86_400 },
    range: { days: 41 },
  });
}

it(
  `answers are those of a world without them (seed ${seed}, ${rounds} rounds)`,
  { timeout: 120_000 + rounds * 420_000 },
  async () => {
    let workers = bed.startWorkers("victim");
    let erasures = 0;
    for (let round = 0; round < rounds; round += 1) {
      // They never come to the other project.
      const going = [0, 1].map((index) => `leaver-${round}-${index}`);
      const present = people;
      await send(500, present, going);
      await stored();
      if (round === 0) for (const projectId of [whole, without]) await saveThings(projectId);
      const questions = randomQuestions();
      // What is asked before is kept, in every place where something can be.
      for (const { subject, payload } of questions) await call(whole, subject, payload);
      await sleep(1_500);

      const receipts: string[] = [];
      for (const person of going) {
        const named = random.pick([person, person, `${person}-device-0`]);
        const erasure = await call<{ erasure_id: string }>(whole, "svc.erasures.create", { id: named });
        receipts.push(erasure.erasure_id);
        if (random.chance(0.7)) {
          await sleep(random.below(400));
          workers.kill("SIGKILL");
          await once(workers, "exit");
          workers = bed.startWorkers("victim");
        }
        // Others go on.
        await send(20, present, []);
      }
      // Days that a killed worker was making are waited for until its lease ends, two minutes.
      await expect
        .poll(
          async () => {
            const { rows } = await bed.postgres.query(
              "SELECT state, error, steps_done FROM erasures WHERE id = ANY ($1) AND state <> 'done'",
              [receipts],
            );
            return rows;
          },
          { timeout: 300_000, interval: 100 },
        )
        .toEqual([]);
      erasures += receipts.length;
      sent.set(
        whole,
        (sent.get(whole) ?? []).filter(
          (event) => !going.some((person) => event.anonymous_id.startsWith(`${person}-device`)),
        ),
      );
      await stored();
      // Members and sizes of cohorts follow within their minute.
      const sizes = async (project: number): Promise<unknown> =>
        comparable("svc.cohorts.list", await call(project, "svc.cohorts.list", {}));
      await expect
        .poll(async () => isDeepStrictEqual(await sizes(whole), await sizes(without)), {
          timeout: 70_000,
          interval: 500,
        })
        .toBe(true);
      await compare(questions, `round ${round}, after the erasure`);
      // As many events as were taken away, on the same days: equal counts must not be taken for equal rows.
      await send(200, present, []);
      await stored();
      await compare(questions, `round ${round}, after late events`);
      await compare(randomQuestions(), `round ${round}, new questions`);
    }
    console.log(`${erasures} erasures, ${sent.get(whole)?.length} events left`);
    expect(erasures).toBeGreaterThan(0);
  },
);
