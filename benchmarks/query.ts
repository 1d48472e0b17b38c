// `npm run bench -- query [--data-dir folder] [--url http://…] [--repetitions 10] [--plain 2] [--only text] [--saved] [--cold]
//   [--load] [--seconds 60] [--clients 100] [--rate 10000] [--write]`
// Every kind of query over generated events: the product over HTTP beside plain SQL over a table with ids as text, the
// same answer checked. With --load: a mix of them from many clients while events are taken in, and how fresh answers are.
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import { createPostgres } from "#ops/runtime/postgres.ts";
import { readConfig } from "#ops/runtime/config.ts";
import { readDefaultKeys } from "#ops/supervisor/default-keys.ts";
import { edgeUrl } from "#ops/supervisor/edge.ts";
import { fillServerUrls } from "#ops/supervisor/server-urls.ts";
import { findProject } from "./generate/find-project.ts";
import { writeResult } from "./harness/write-result.ts";
import { writeChart } from "./query/chart.ts";
import { dropKeptAnswers, restartQueryTier } from "./query/cold-tier.ts";
import { readDataSet, type DataSet } from "./query/data-set.ts";
import { funnelCases } from "./query/funnel-cases.ts";
import { measureCase, type CaseResult, type MeasureOptions } from "./query/measure-case.ts";
import { measureMixed, type MixedResult } from "./query/mixed-load.ts";
import { makePeerTable } from "./query/peer-table.ts";
import { peopleCases } from "./query/people-cases.ts";
import type { Access } from "./query/product.ts";
import { describeCases, describeMixed, sizeName } from "./query/report.ts";
import { trendsCases } from "./query/trends-cases.ts";

const { values } = parseArgs({
  options: {
    "data-dir": { type: "string" },
    url: { type: "string" },
    repetitions: { type: "string", default: "10" },
    plain: { type: "string", default: "2" },
    only: { type: "string" },
    saved: { type: "boolean", default: false },
    cold: { type: "boolean", default: false },
    load: { type: "boolean", default: false },
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "100" },
    rate: { type: "string", default: "10000" },
    write: { type: "boolean", default: false },
  },
});

const plainMsMax = 900_000;
/** A process that was just started reads its columns ahead. */
const settledMs = 8_000;
const project = "default";

const options = {
  repetitions: Number(values.repetitions),
  plainRepetitions: Number(values.plain),
  saved: values.saved,
  cold: values.cold,
};
const loadOptions = {
  seconds: Number(values.seconds),
  clients: Number(values.clients),
  eventsPerSecond: Number(values.rate),
};

async function run(): Promise<void> {
  const base = readConfig();
  const dataDir = values["data-dir"] === undefined ? base.dataDir : resolve(values["data-dir"]);
  const config = await fillServerUrls({ ...base, dataDir });
  const keys = await readDefaultKeys(dataDir);
  if (config.clickhouseUrl === undefined || config.postgresUrl === undefined || keys === undefined) {
    throw new Error(`no installation runs in ${dataDir}`);
  }
  const url = values.url ?? edgeUrl(config);
  const access: Access = { url, readKey: keys.read };
  const clickhouse = createClickHouse(config.clickhouseUrl, {
    name: "bench-query",
    connectionsMax: 2,
    requestMsMax: plainMsMax,
  });
  const postgres = createPostgres(config.postgresUrl, { name: "bench-query", connectionsMax: 1 });
  try {
    const { projectId } = await findProject(postgres, project);
    const data = await readDataSet(dataDir, project, { clickhouse, projectId });
    console.log(`${sizeName(data)}: ${data.hasRows ? "with" : "without"} raw events`);
    if (options.plainRepetitions > 0) console.log(await makePeerTable(clickhouse, data));
    if (config.redisUrl !== undefined) await dropKeptAnswers(config.redisUrl);
    await restartQueryTier(dataDir, access);
    await sleep(settledMs);
    const forget = values.cold ? { forget: () => restartQueryTier(dataDir, access) } : {};
    const measured = await measureCases(access, clickhouse, data, { ...options, ...forget });
    const mixed = values.load
      ? await measureMixed({ ...access, writeKey: keys.write }, data, loadOptions)
      : undefined;
    await report(data, measured, mixed);
  } finally {
    await clickhouse.close();
    await postgres.end();
  }
}

async function measureCases(
  access: Access,
  clickhouse: Parameters<typeof measureCase>[1],
  data: DataSet,
  how: MeasureOptions,
): Promise<{ results: CaseResult[]; unanswered: string[] }> {
  const results: CaseResult[] = [];
  const unanswered: string[] = [];
  for (const question of [...trendsCases(data), ...peopleCases(data), ...funnelCases(data)]) {
    if (question.needsRows === true && !data.hasRows) continue;
    if (values.only !== undefined && !`${question.kind} ${question.name}`.includes(values.only)) continue;
    let result: CaseResult;
    try {
      result = await measureCase(access, clickhouse, question, how);
    } catch (error) {
      // One question that is refused is a result, too.
      unanswered.push(`${question.name}: ${error instanceof Error ? error.message : String(error)}`);
      console.log(`NOT ANSWERED ${unanswered.at(-1)}`);
      continue;
    }
    results.push(result);
    const plain = result.plain === undefined ? "" : `, plain ${result.plain.times.p50} ms, ${result.ratio} ×`;
    const saved = result.saved === undefined ? "" : `, saved ${result.saved.times.p50} ms`;
    const { times, firstMs } = result;
    console.log(`${result.name}: ${times.p50} / ${times.p95} ms, first ${firstMs} ms${plain}${saved}`);
    if (result.plain?.difference !== undefined) console.log(`  DIFFERS: ${result.plain.difference}`);
  }
  return { results, unanswered };
}

async function report(
  data: DataSet,
  { results: cases, unanswered }: { results: readonly CaseResult[]; unanswered: readonly string[] },
  mixed: MixedResult | undefined,
): Promise<void> {
  const table = [
    ...(cases.length > 0 ? [describeCases(cases, { events: data.events, isCold: options.cold })] : []),
    ...(unanswered.length === 0
      ? []
      : [`Not answered:\n\n${unanswered.map((each) => `- ${each}`).join("\n")}`]),
    ...(mixed === undefined ? [] : [describeMixed(mixed)]),
  ].join("\n\n");
  const differing = cases.filter(({ plain }) => plain?.difference !== undefined).length;
  if (values.write) {
    const name = `query-${sizeName(data)}`;
    await writeResult({
      name,
      options: { ...options, ...loadOptions },
      result: { data, cases, unanswered, mixed },
      table,
    });
    await writeChart();
  } else {
    console.log(`\n${table}`);
  }
  if (differing > 0) {
    console.error(`${differing} answers differ from plain SQL`);
    process.exitCode = 1;
  }
}

await run();
