// `npm run bench -- generate --events 10000000 [--users N] [--days 90] [--until 2026-11-01] [--seed 1]
//   [--project name] [--data-dir folder] [--append] [--aggregates-only] [--bare] [--write]`
// Fills a project with made-up events at the store's own speed, and writes down answers that are known by then.
// `npm run bench -- generate --check [--project name] [--key <read key>] [--url http://…]` asks a running installation.
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readConfig, type Config } from "#ops/runtime/config.ts";
import { makeDataDir } from "#ops/embedded/data-dir.ts";
import { readDefaultKeys } from "#ops/supervisor/default-keys.ts";
import { edgeUrl } from "#ops/supervisor/edge.ts";
import { askProduct } from "./generate/ask-product.ts";
import { filledColumns } from "./generate/event-target.ts";
import { countPartitions, findProject } from "./generate/find-project.ts";
import type { KnownAnswer, KnownAnswersFile } from "./generate/known-answers.ts";
import { measureDisk, withBareTable, type TableSize } from "./generate/measure-disk.ts";
import { openStores } from "./generate/open-stores.ts";
import { dayMs, planLimits } from "./generate/plan.ts";
import { createProgress } from "./generate/progress.ts";
import { allEvents, generate, writeEvents, type RunResult } from "./generate/run.ts";
import { templateRows } from "./generate/template-sql.ts";
import { countTakenRanges } from "./generate/users.ts";
import { writeResult } from "./harness/write-result.ts";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    users: { type: "string" },
    days: { type: "string", default: "90" },
    until: { type: "string" },
    seed: { type: "string", default: "1" },
    project: { type: "string", default: "default" },
    "data-dir": { type: "string" },
    append: { type: "boolean", default: false },
    "aggregates-only": { type: "boolean", default: false },
    bare: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    key: { type: "string" },
    url: { type: "string" },
  },
});

/** Said in one sentence, without a stack. */
class WrongUse extends Error {}

function readInteger(name: string, text: string, min: number, max: number): number {
  const value = Number(text.replaceAll("_", ""));
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new WrongUse(`--${name} must be a whole number from ${min} to ${max}; it is "${text}".`);
  }
  return value;
}

function readWanted(): { events: number; users: number; seed: number; fromMs: number; endMs: number } {
  const events = readInteger("events", values.events, planLimits.eventsMin, 10_000_000_000);
  const usersDefault = Math.min(planLimits.usersMax, Math.max(planLimits.usersMin, Math.floor(events / 50)));
  const users = readInteger(
    "users",
    values.users ?? String(usersDefault),
    planLimits.usersMin,
    planLimits.usersMax,
  );
  const days = readInteger("days", values.days, planLimits.daysMin, planLimits.daysMax);
  const today = Math.floor(Date.now() / dayMs) * dayMs;
  const endMs = values.until === undefined ? today : Date.parse(`${values.until}T00:00:00Z`);
  if (!Number.isFinite(endMs)) throw new WrongUse("--until must be a date like 2026-11-01.");
  const seed = readInteger("seed", values.seed, 0, 2 ** 32 - 1);
  return { events, users, seed, fromMs: endMs - days * dayMs, endMs };
}

function answersPath(config: Config): string {
  return join(config.dataDir, `known-answers-${values.project.replace(/[^\w-]/g, "_")}.json`);
}

/** Of earlier runs that this one adds to. */
async function readAnswers(config: Config): Promise<readonly KnownAnswer[]> {
  if (!values.append) return [];
  const text = await readFile(answersPath(config), "utf8").catch(() => undefined);
  return text === undefined ? [] : (JSON.parse(text) as KnownAnswersFile).answers;
}

async function fill(config: Config): Promise<void> {
  const wanted = readWanted();
  await makeDataDir(config.dataDir);
  const stores = await openStores(config);
  try {
    const project = await findProject(stores.postgres, values.project);
    const run = await countTakenRanges(stores.postgres, project.projectId);
    if (run > 0 && !values.append) {
      throw new WrongUse(`${values.project} has generated events already; --append adds more of them.`);
    }
    const users = createProgress("users", wanted.users);
    const events = createProgress("events", wanted.events);
    const pace = createPace();
    const { projectId, retentionDays } = project;
    const partitions = await countPartitions(stores.postgres, config.partitions);
    const result = await generate(
      stores,
      { ...wanted, projectId, retentionDays, run },
      {
        partitions,
        aggregatesOnly: values["aggregates-only"],
        report: {
          users,
          events(done) {
            events(done);
            pace.mark(done);
          },
        },
      },
    );
    const rates = {
      chunks: pace.rowsPerSecond(),
      bareChunks: values.bare ? await measureBare(stores.clickhouse, result) : undefined,
    };
    const sizes = await measureDisk(stores.clickhouse);
    const file: KnownAnswersFile = {
      at: new Date().toISOString(),
      project: project.publicId,
      plan: { ...result.plan, from: iso(wanted.fromMs), to: iso(wanted.endMs - 1) },
      // What earlier runs planted has names of its own and stays true; only their count of everything does not.
      answers: [...(await readAnswers(config)).filter(({ name }) => name !== allEvents), ...result.answers],
    };
    await writeFile(answersPath(config), `${JSON.stringify(file, null, 1)}\n`);
    for (const { name, expected } of result.answers)
      console.log(`${name.padEnd(44)} ${JSON.stringify(expected)}`);
    if (project.readKey !== undefined) console.log(`\nread key of ${values.project}: ${project.readKey}`);
    const figures = describe(result, sizes, rates);
    console.log(`\n${figures.table}\n\nknown answers: ${answersPath(config)}`);
    if (values.write)
      await writeResult({
        name: values["aggregates-only"] ? "generate-aggregates" : "generate",
        options: wanted,
        ...figures,
      });
  } finally {
    await stores.close();
  }
}

/** The same events once more, at most four chunks, into a table without views. */
async function measureBare(
  clickhouse: Parameters<typeof writeEvents>[0],
  result: RunResult,
): Promise<number | undefined> {
  const events = Math.min(result.plan.events, 4 * templateRows);
  const users = Math.min(result.plan.users, Math.floor(events / 20));
  const pace = createPace();
  await withBareTable(clickhouse, async (table) => {
    const target = { table, columns: filledColumns };
    await writeEvents(clickhouse, { ...result.plan, events, users }, target, { events: pace.mark });
  });
  return pace.rowsPerSecond();
}

/** The rate of whole chunks alone: what is planted, and the template, cost the same for any number of events. */
function createPace(): { mark: (done: number) => void; rowsPerSecond: () => number | undefined } {
  const marks: { done: number; atMs: number }[] = [];
  return {
    mark: (done) => void marks.push({ done, atMs: performance.now() }),
    rowsPerSecond() {
      const chunks = marks.filter(({ done }, index) => done - (marks[index - 1]?.done ?? 0) === templateRows);
      const [first, last] = [chunks[0], chunks.at(-1)];
      if (first === undefined || last === undefined || first === last) return undefined;
      return Math.round(((last.done - first.done) / (last.atMs - first.atMs)) * 1000);
    },
  };
}

function describe(
  result: RunResult,
  sizes: readonly TableSize[],
  rates: { chunks: number | undefined; bareChunks: number | undefined },
): { result: object; table: string } {
  const { events, users } = result.plan;
  const rowsPerSecond = Math.round(events / result.eventsSeconds);
  const rows = sizes.map(
    ({ table, rows: count, bytes, parts }) =>
      `| ${table} | ${count.toLocaleString("en")} | ${(bytes / 2 ** 20).toFixed(1)} | ${(bytes / events).toFixed(2)} | ${parts} |`,
  );
  return {
    result: {
      rowsPerSecond,
      chunkRowsPerSecond: rates.chunks,
      bareChunkRowsPerSecond: rates.bareChunks,
      usersSeconds: result.usersSeconds,
      eventsSeconds: result.eventsSeconds,
      sizes,
    },
    table: [
      `${events.toLocaleString("en")} events in ${result.eventsSeconds.toFixed(1)} s: ${rowsPerSecond.toLocaleString("en")} rows/s, all views included.`,
      `Chunks alone: ${rate(rates.chunks)}; into a table without views: ${rate(rates.bareChunks)}.`,
      `${users.toLocaleString("en")} users with numbers and properties in ${result.usersSeconds.toFixed(1)} s.`,
      "",
      "| table | rows | MiB on disk | bytes an event | parts |",
      "| --- | ---: | ---: | ---: | ---: |",
      ...rows,
    ].join("\n"),
  };
}

function rate(rowsPerSecond: number | undefined): string {
  return rowsPerSecond === undefined ? "not measured" : `${rowsPerSecond.toLocaleString("en")} rows/s`;
}

async function check(config: Config): Promise<void> {
  const file = JSON.parse(await readFile(answersPath(config), "utf8")) as KnownAnswersFile;
  const readKey = values.key ?? config.readKey ?? (await readDefaultKeys(config.dataDir))?.read;
  if (readKey === undefined) throw new WrongUse("--check needs --key, a read key of the project.");
  const checked = await askProduct({ url: values.url ?? edgeUrl(config), readKey }, file.answers);
  for (const { name, tookMs, differences } of checked) {
    const verdict = differences.length === 0 ? "as known" : "DIFFERS";
    console.log(`${name.padEnd(44)} ${verdict}  ${tookMs.toFixed(0).padStart(6)} ms`);
    for (const difference of differences) console.log(`  ${difference}`);
  }
  const wrong = checked.filter(({ differences }) => differences.length > 0).length;
  console.log(`\n${checked.length - wrong} of ${checked.length} answers are as known`);
  if (wrong > 0) process.exitCode = 1;
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

try {
  const config = readConfig();
  const dataDir = values["data-dir"] === undefined ? config.dataDir : resolve(values["data-dir"]);
  await (values.check ? check : fill)({ ...config, dataDir });
} catch (error) {
  if (!(error instanceof WrongUse)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
