// Every question of the benchmark means the same in plain SQL as in the product, or its ratio would mean nothing.
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { operations } from "#schemas/operations/operations.ts";
import { startTestTier, type TestTier } from "#query/testing/test-tier.ts";
import { dayMs } from "../generate/plan.ts";
import { generate } from "../generate/run.ts";
import type { DataSet } from "./data-set.ts";
import { funnelCases } from "./funnel-cases.ts";
import { askPeer, makePeerTable } from "./peer-table.ts";
import { peopleCases } from "./people-cases.ts";
import { findDifference, type QueryCase } from "./query-case.ts";
import { trendsCases } from "./trends-cases.ts";

// A Monday, as the weeks of the questions begin.
const fromMs = Date.UTC(2026, 8, 7);
const endMs = fromMs + 40 * dayMs;
const plan = { events: 80_000, users: 1_500, seed: 3, run: 0, fromMs, endMs, retentionDays: 0 };
const data: DataSet = { projectId: 911, hasRows: true, days: 40, ...plan };

let tier: TestTier;
let postgres: pg.Pool;

const questions = [...trendsCases(data), ...peopleCases(data), ...funnelCases(data)];
// A cohort is made by workers, which do not run here.
const compared = questions.filter(({ plainSql, cohort }) => plainSql !== undefined && cohort === undefined);

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  const { host, port, user, password, database } = tier.postgres as unknown as pg.ClientConfig;
  postgres = new pg.Pool({
    ...{ host, port, user, database },
    ...(password === undefined ? {} : { password }),
    max: 2,
  } as pg.PoolConfig);
  const stores = { clickhouse: tier.database.clickhouse, postgres };
  const report = { events: () => undefined, users: () => undefined };
  await generate(stores, { ...plan, projectId: data.projectId }, { partitions: 4, report });
  await makePeerTable(tier.database.clickhouse, data);
});

afterAll(async () => {
  await postgres.end();
  await tier.stop();
});

async function ask({ path }: QueryCase, body: object): Promise<unknown> {
  const subject = operations.find((operation) => operation.path === path)?.service?.subject ?? "";
  return tier.call(subject.slice("svc.query.".length), body, data.projectId);
}

it("fills the plain table once", async () => {
  expect(await makePeerTable(tier.database.clickhouse, data)).toBe("the plain table is there");
});

it("asks about every kind", () => {
  expect(compared.length).toBeGreaterThanOrEqual(15);
  expect(new Set(questions.map(({ name }) => name)).size).toBe(questions.length);
});

describe("in plain SQL as in the product", () => {
  it.each(compared)("$name", async (question) => {
    const { rows } = await askPeer(tier.database.clickhouse, question.plainSql ?? "");
    expect(rows.length).toBeGreaterThan(0);
    const answer = await ask(question, question.body(0));
    expect(findDifference(rows, question.rows?.(answer as never) ?? [])).toBeUndefined();
  });
});

it.each(questions.filter(({ cohort }) => cohort === undefined))(
  "takes other ranges: $name",
  async (question) => {
    const [first, second] = [question.body(1), question.body(2)];
    expect(first).not.toEqual(second);
    await ask(question, first);
  },
);
