// Users of a run: their numbers in Postgres, as workers give them, and what is known of them.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { partitionOf } from "#schemas/hash.ts";
import { generatedPartition, plantedName, userIdPrefix, type GeneratePlan } from "./plan.ts";
import { tierSql } from "./planted-pulse.ts";

/** Numbers of one range, as workers lease them. */
const rangeSize = 65_536;
const usersAtOnce = 50_000;

/** Ranges of numbers that earlier runs took: 0 when the project was never generated into. */
export async function countTakenRanges(postgres: Postgres, projectId: number): Promise<number> {
  const { rows } = await postgres.query<{ ranges: number }>(
    "SELECT count(*)::int AS ranges FROM user_number_ranges WHERE project_id = $1 AND partition = $2",
    [projectId, generatedPartition],
  );
  return rows[0]?.ranges ?? 0;
}

/**
 * Takes as many consecutive numbers as the run needs. The ranges belong to no partition of the log, so no worker
 * gives numbers out of them. Answers the first number.
 */
export async function takeNumbers(
  postgres: Postgres,
  options: { projectId: number; users: number },
): Promise<number> {
  const { projectId, users } = options;
  const client = await postgres.connect();
  try {
    await client.query("BEGIN");
    // The same lock as the workers'.
    await client.query("SELECT pg_advisory_xact_lock(hashtext('user_number_ranges'), $1)", [projectId]);
    const { rows } = await client.query<{ start: string }>(
      `SELECT coalesce(max(range_start) + $2, 0) AS start FROM user_number_ranges WHERE project_id = $1`,
      [projectId, rangeSize],
    );
    const start = Number(rows[0]?.start);
    await client.query(
      `INSERT INTO user_number_ranges (project_id, range_start, partition)
       SELECT $1, $2::bigint + range * $3::bigint, $4 FROM generate_series(0, $5::int) AS range`,
      [projectId, start, rangeSize, generatedPartition, Math.ceil(users / rangeSize) - 1],
    );
    await client.query("COMMIT");
    return start;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

/** Makes the ids known: events that are sent for them later get the same numbers. */
export async function writeNumbers(
  postgres: Postgres,
  plan: GeneratePlan,
  partitions: number,
  report: (done: number) => void,
): Promise<void> {
  for (let first = 0; first < plan.users; first += usersAtOnce) {
    const count = Math.min(usersAtOnce, plan.users - first);
    const start = plan.firstNumber + first;
    const owners = Array.from({ length: count }, (_, index) =>
      partitionOf(plan.projectId, `u:${userIdPrefix}${start + index}`, partitions),
    );
    await postgres.query(
      `INSERT INTO user_numbers (project_id, user_key, user_number, partition)
       SELECT $1, 'u:' || $2 || ($3::bigint + place - 1), $3::bigint + place - 1, partition
       FROM unnest($4::int[]) WITH ORDINALITY AS owner (partition, place)`,
      [plan.projectId, userIdPrefix, start, owners],
    );
    report(first + count);
  }
}

/** Running workers keep the numbers of their partitions in memory: whoever takes a partition over reads them again. */
export async function letWorkersReadNumbers(postgres: Postgres): Promise<void> {
  await postgres.query(
    `UPDATE log_partitions SET epoch = epoch + 1, owner = NULL, lease_until = '-infinity' WHERE owner IS NOT NULL`,
  );
}

/** `tier`, by which the planted segment is known, and two more that are only there to be filtered by. */
export async function writeUserProperties(clickhouse: ClickHouse, plan: GeneratePlan): Promise<void> {
  const properties = [
    { name: plantedName(plan, "tier"), text: tierSql, number: "NULL" },
    {
      name: "country",
      text: "['US', 'DE', 'GB', 'FR', 'NL', 'ES'][bitAnd(sipHash64(user), 7) % 6 + 1]",
      number: "NULL",
    },
    { name: "age", text: "toString(18 + sipHash64(user) % 60)", number: "18 + sipHash64(user) % 60" },
  ];
  for (const { name, text, number } of properties) {
    const json = number === "NULL" ? `concat('"', ${text}, '"')` : text;
    await clickhouse.command({
      query: `INSERT INTO user_properties (project_id, property, user_number, once, text, number, boolean, value, version)
        SELECT ${plan.projectId}, '${name}', ${plan.firstNumber} + number AS user_number, 0, ${text}, ${number}, NULL, ${json}, ${plan.fromMs}
        FROM (SELECT number, number AS user FROM numbers(${plan.users}))`,
      clickhouse_settings: { async_insert: 0, insert_deduplicate: 0 },
    });
  }
}
