// For integration tests: puts cases into the stores as the workers would have, each in a project of its own.
import type { Case, Given } from "./interval-case.ts";
import { storeTime } from "./test-database.ts";
import type { TestTier } from "./test-tier.ts";

type Stored = Pick<Case, "given" | "joined" | "setPlan" | "cohorts">;

const firstProject = 100;
const numberOf = (id: string): number => Number(id.slice(1));

/** Answers the project of each case. */
export async function storeCases<C extends Stored>(
  tier: TestTier,
  cases: readonly C[],
): Promise<(stored: C) => number> {
  const projectOf = (stored: C): number => firstProject + cases.indexOf(stored);
  const { database, postgres } = tier;
  await database.insertEvents(
    cases.flatMap((each) =>
      each.given.map((given, index) => ({ project_id: projectOf(each), ...eventRow(given, index) })),
    ),
  );
  for (const each of cases) await storePeople(tier, projectOf(each), each);
  await postgres.query(
    `INSERT INTO user_numbers (project_id, user_key, user_number, partition)
     SELECT project, 'u:u' || number, number, 0
     FROM generate_series($1::int, $2::int) AS project, generate_series(1, 9) AS number`,
    [firstProject, firstProject + cases.length - 1],
  );
  return projectOf;
}

function eventRow([user, event, at, properties = {}]: Given, index: number): object {
  return {
    event,
    timestamp: storeTime(Date.parse(at)),
    user_number: numberOf(user),
    event_id: String(index),
    properties,
    received_at: storeTime(Date.now()),
  };
}

async function storePeople({ database, postgres }: TestTier, project: number, each: Stored): Promise<void> {
  const insert = (table: string, values: object[]): Promise<unknown> =>
    database.clickhouse.insert({ table, values, format: "JSONEachRow" });
  for (const [id, person] of each.joined ?? []) {
    const row = { project_id: project, user_number: numberOf(id), person_number: numberOf(person) };
    await insert("persons", [{ ...row, version: 1 }]);
    await postgres.query("INSERT INTO user_persons VALUES ($1, $2, $3)", Object.values(row));
  }
  for (const [id, plan] of each.setPlan ?? []) {
    const row = { project_id: project, property: "plan", user_number: numberOf(id), once: 0, version: 1 };
    await insert("user_properties", [{ ...row, text: plan, value: JSON.stringify(plan) }]);
  }
  if (each.cohorts === undefined) return;
  await postgres.query(
    "INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, 'p', 'p')",
    [project],
  );
  for (const [id, members] of each.cohorts) {
    const { rows } = await postgres.query<{ id: number }>(
      "INSERT INTO cohorts (public_id, project_id, name) VALUES ($1, $2, 'c') RETURNING id",
      [id, project],
    );
    const numbers = `CAST([${members.map(numberOf).join(",")}], 'Array(UInt32)')`;
    await database.clickhouse.command({
      query: `INSERT INTO cohort_members SELECT ${project}, ${rows[0]?.id}, 1, groupBitmapState(arrayJoin(${numbers}))`,
    });
  }
}
