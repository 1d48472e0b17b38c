// One run from a plan to stored events: numbers of users first, so that ids resolve as soon as events are there, then
// what is planted, then the rest in chunks. The tables' own views fill steps and rollups, as for the pipeline.
import { randomUUID } from "node:crypto";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { withAggregatesOnly } from "./aggregates-only.ts";
import { filledColumns, type EventTarget } from "./event-target.ts";
import type { KnownAnswer } from "./known-answers.ts";
import { chunksOf, noiseSql } from "./noise-sql.ts";
import type { GeneratePlan } from "./plan.ts";
import { plantFunnel } from "./planted-funnel.ts";
import { plantPulse } from "./planted-pulse.ts";
import { plantRetention } from "./planted-retention.ts";
import { cumulateHours } from "./seasons.ts";
import { templateRows, templateSql } from "./template-sql.ts";
import { letWorkersReadNumbers, takeNumbers, writeNumbers, writeUserProperties } from "./users.ts";

export interface Stores {
  readonly clickhouse: ClickHouse;
  readonly postgres: Postgres;
}

export interface RunReport {
  /** Called after every piece of work. */
  readonly events: (done: number) => void;
  readonly users: (done: number) => void;
}

export interface RunResult {
  readonly plan: GeneratePlan;
  readonly answers: readonly KnownAnswer[];
  readonly usersSeconds: number;
  readonly eventsSeconds: number;
}

/** No answer for so long and the store is given up: one chunk takes seconds. */
export const chunkMsMax = 600_000;

/** Threads of one insert; each makes a part of its own, of half a chunk when there are two. */
const insertThreads = 2;

/** Name of the answer that only holds while nothing else is in the project. */
export const allEvents = "all events of the range";

export const insertSettings = {
  async_insert: 0,
  // Blocks come in no fixed order, so a token would not make a chunk repeatable; a run that failed is begun anew.
  insert_deduplicate: 0,
  max_insert_threads: String(insertThreads),
  max_partitions_per_insert_block: "0",
  // The template's numbers of points and names are written out.
  max_query_size: "1000000",
} as const;

export async function generate(
  stores: Stores,
  wanted: Omit<GeneratePlan, "firstNumber">,
  options: { partitions: number; report: RunReport; aggregatesOnly?: boolean },
): Promise<RunResult> {
  const startedMs = performance.now();
  const firstNumber = await takeNumbers(stores.postgres, wanted);
  const plan: GeneratePlan = { ...wanted, firstNumber };
  await writeNumbers(stores.postgres, plan, options.partitions, options.report.users);
  await letWorkersReadNumbers(stores.postgres);
  await writeUserProperties(stores.clickhouse, plan);
  const usersMs = performance.now();
  let answers: KnownAnswer[] = [];
  const write = async (target: EventTarget): Promise<void> => {
    answers = await writeEvents(stores.clickhouse, plan, target, options.report);
  };
  if (options.aggregatesOnly === true) {
    await withAggregatesOnly(stores.clickhouse, write);
    answers = answers.filter(({ needsRows }) => needsRows !== true);
  } else {
    await write({ table: "events", columns: filledColumns });
  }
  return {
    plan,
    answers,
    usersSeconds: (usersMs - startedMs) / 1000,
    eventsSeconds: (performance.now() - usersMs) / 1000,
  };
}

export async function writeEvents(
  clickhouse: ClickHouse,
  plan: GeneratePlan,
  into: EventTarget,
  report: Pick<RunReport, "events">,
): Promise<KnownAnswer[]> {
  const planted = [plantFunnel(plan, into), plantRetention(plan, into), plantPulse(plan, into)];
  const plantedEvents = planted.reduce((sum, { events }) => sum + events, 0);
  const noise = plan.events - plantedEvents;
  if (noise < 0) {
    throw new Error(
      `${plan.users} users have ${plantedEvents} planted events; ask for more events or fewer users`,
    );
  }
  let done = 0;
  for (const { statements, events } of planted) {
    for (const query of statements) await clickhouse.command({ query, clickhouse_settings: insertSettings });
    report.events((done += events));
  }
  const template = `generated_template_${randomUUID().replaceAll("-", "")}`;
  try {
    await clickhouse.command({
      query: templateSql(template, plan.seed, Math.min(templateRows, Math.max(1, noise))),
      clickhouse_settings: insertSettings,
    });
    const masses = cumulateHours(plan.fromMs, plan.endMs);
    for (const chunk of chunksOf(noise)) {
      await clickhouse.command({
        query: noiseSql(plan, chunk, { into, template, masses, noise }),
        clickhouse_settings: insertSettings,
      });
      report.events((done += chunk.rows));
    }
  } finally {
    await clickhouse.command({ query: `DROP TABLE IF EXISTS ${template} SYNC` });
  }
  const range = { from: new Date(plan.fromMs).toISOString(), to: new Date(plan.endMs - 1).toISOString() };
  return [
    ...planted.flatMap(({ answers }) => answers),
    // Only of a project that had nobody in it before.
    ...(plan.firstNumber === 0
      ? [
          {
            name: allEvents,
            path: "/v1/query/trends",
            body: { ...range, interval: "month", series: [{ event: null }] },
            expected: { series: [{ total: plan.events }] },
          },
        ]
      : []),
  ];
}
