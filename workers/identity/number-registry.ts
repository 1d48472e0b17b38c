// Numbers of ids that are named by a join. Most have one already; others get one here, before their own partition
// meets them: it is reserved, and the partition learns it at the id's first event (see BatchLedger.adoptNumbers).
import type { Postgres } from "#ops/runtime/postgres.ts";
import { partitionOf } from "#schemas/hash.ts";

/** In user_number_ranges: ranges from which reserved numbers are taken. */
const noPartition = -1;
const rangeSize = 65_536;

/** Numbers of keys of one project that are known; keys that are not are left out. */
export async function findNumbers(
  postgres: Pick<Postgres, "query">,
  projectId: number,
  keys: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await postgres.query<{ user_key: string; user_number: string }>(
    "SELECT user_key, user_number FROM user_numbers WHERE project_id = $1 AND user_key = ANY ($2)",
    [projectId, keys],
  );
  return new Map(rows.map((row) => [row.user_key, Number(row.user_number)]));
}

/** Numbers of all the keys, reserved for those that had none. */
export async function reserveNumbers(
  postgres: Postgres,
  options: { projectId: number; keys: readonly string[]; partitions: number },
): Promise<Map<string, number>> {
  const { projectId, partitions } = options;
  const keys = [...new Set(options.keys)];
  const numbers = await findNumbers(postgres, projectId, keys);
  // In the order of keys, as every statement that inserts many does: two of them must not wait for each other.
  const missing = keys.filter((key) => !numbers.has(key)).sort();
  if (missing.length === 0) return numbers;

  // A transaction of its own: nothing waits for a number while it holds what others wait for.
  const client = await postgres.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock(hashtext('user_number_ranges'), $1)", [projectId]);
    const fresh = await takeNumbers(client, projectId, missing.length);
    await client.query(
      `INSERT INTO user_numbers (project_id, user_key, user_number, partition, reserved)
       SELECT $1, user_key, user_number, partition, true
       FROM unnest($2::text[], $3::bigint[], $4::int[]) AS fresh (user_key, user_number, partition)
       ON CONFLICT (project_id, user_key) DO NOTHING`,
      [projectId, missing, fresh, missing.map((key) => partitionOf(projectId, key, partitions))],
    );
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  } finally {
    client.release();
  }
  // Read again: another one may have been faster.
  for (const [key, number] of await findNumbers(postgres, projectId, missing)) numbers.set(key, number);
  return numbers;
}

async function takeNumbers(
  client: Pick<Postgres, "query">,
  projectId: number,
  count: number,
): Promise<number[]> {
  const { rows } = await client.query<{ start: string; next: string }>(
    `SELECT latest.start, coalesce((SELECT max(user_number) + 1 FROM user_numbers
              WHERE project_id = $1 AND user_number >= latest.start AND user_number < latest.start + $3),
            latest.start) AS next
     FROM (SELECT max(range_start) AS start FROM user_number_ranges
           WHERE project_id = $1 AND partition = $2) AS latest
     WHERE latest.start IS NOT NULL`,
    [projectId, noPartition, rangeSize],
  );
  let next = Number(rows[0]?.next ?? 0);
  let end = rows[0] === undefined ? 0 : Number(rows[0].start) + rangeSize;
  const taken: number[] = [];
  while (taken.length < count) {
    if (next >= end) {
      const leased = await client.query<{ range_start: string }>(
        `INSERT INTO user_number_ranges (project_id, range_start, partition)
         SELECT $1, coalesce(max(range_start) + $3, 0), $2 FROM user_number_ranges WHERE project_id = $1
         RETURNING range_start`,
        [projectId, noPartition, rangeSize],
      );
      next = Number(leased.rows[0]?.range_start);
      end = next + rangeSize;
    }
    taken.push(next);
    next += 1;
  }
  return taken;
}
