// The moment from which nobody can name a person any more: in one transaction its ids lose their numbers, its joins go,
// and every partition learns that what was received before is to be dropped. What is stored under the numbers is now
// nobody's, grows no more once the batches under way have ended, and can be removed in any order.
import type { ClientBase } from "pg";
import { transact } from "#ops/runtime/transact.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { hash128, partitionOf } from "#schemas/hash.ts";
import { lockPersons } from "../identity/person-store.ts";
import { keysOfId } from "../identity/read-joins.ts";
import type { ErasureClaim } from "./erasure-ledger.ts";

/** Erased keys are known for as long as dead blocks are kept, and a month. */
const keysKeptDays = 120;

export async function cutOffPerson(
  postgres: Postgres,
  claim: ErasureClaim,
  partitions: number,
): Promise<void> {
  await transact(postgres, async (client) => {
    // In the order in which a batch takes them: its partition, then the project's persons.
    const { rows: open } = await client.query<{ partition: number; token: string | null }>(
      `SELECT partition, intent_token AS token FROM log_partitions ORDER BY partition FOR UPDATE`,
    );
    await lockPersons(client, claim.projectId);
    const numbers = await numbersOfPerson(client, claim);
    const keys = await keysOfNumbers(client, claim.projectId, numbers);
    // Now, not when the transaction began: until here it may have waited for batches.
    const { rows: now } = await client.query<{ before: string; version: string }>(
      "SELECT clock_timestamp()::text AS before, nextval('erasure_versions') AS version",
    );
    const { before, version } = now[0] as { before: string; version: string };
    await rememberKeys(client, claim, { keys, partitions, before, version });
    await client.query("UPDATE log_partitions SET erasures = $1", [version]);
    // The numbers stay taken: none is ever given to somebody else.
    await client.query(
      `UPDATE user_numbers SET user_key = 'x:' || user_number WHERE project_id = $1 AND user_number = ANY ($2)`,
      [claim.projectId, numbers],
    );
    for (const statement of [
      "DELETE FROM user_merges WHERE project_id = $1 AND (user_number = ANY ($2) OR into_number = ANY ($2))",
      "DELETE FROM user_persons WHERE project_id = $1 AND (user_number = ANY ($2) OR person_number = ANY ($2))",
      "DELETE FROM person_changes WHERE project_id = $1 AND (user_number = ANY ($2) OR person_number = ANY ($2))",
    ]) {
      await client.query(statement, [claim.projectId, numbers]);
    }
    const batches = open.flatMap(({ partition, token }) => (token === null ? [] : [[partition, token]]));
    const { rowCount } = await client.query(
      `UPDATE erasures
       SET state = 'removing', user_keys = $3, user_numbers = $4, erased_before = $5, open_batches = $6
       WHERE id = $1 AND attempt = $2 AND state = 'waiting'`,
      [claim.id, claim.attempt, keys, numbers, before, JSON.stringify(Object.fromEntries(batches))],
    );
    if (rowCount !== 1) throw new Error("another worker has the erasure");
  });
}

/** Of all ids of the persons that the id names, as a user id and as an anonymous one. */
async function numbersOfPerson(client: ClientBase, claim: ErasureClaim): Promise<number[]> {
  const { rows } = await client.query<{ user_number: string }>(
    `WITH named AS (
       SELECT coalesce(person_number, keys.user_number) AS person
       FROM user_numbers AS keys LEFT JOIN user_persons USING (project_id, user_number)
       WHERE keys.project_id = $1 AND keys.user_key = ANY ($2))
     SELECT person AS user_number FROM named
     UNION
     SELECT user_number FROM user_persons WHERE project_id = $1 AND person_number IN (SELECT person FROM named)
     ORDER BY user_number`,
    [claim.projectId, keysOfId(claim.askedId)],
  );
  return rows.map((row) => Number(row.user_number));
}

async function keysOfNumbers(
  client: ClientBase,
  projectId: number,
  numbers: readonly number[],
): Promise<string[]> {
  const { rows } = await client.query<{ user_key: string }>(
    "SELECT user_key FROM user_numbers WHERE project_id = $1 AND user_number = ANY ($2) ORDER BY user_key",
    [projectId, numbers],
  );
  return rows.map((row) => row.user_key);
}

const hash = new Uint32Array(4);

/** For whatever of theirs comes again. */
async function rememberKeys(
  client: ClientBase,
  { projectId, askedId }: ErasureClaim,
  found: { keys: readonly string[]; partitions: number; before: string; version: string },
): Promise<void> {
  const hashed = [...new Set([...found.keys, ...keysOfId(askedId)])].map((key) => {
    hash128(projectId, key, hash);
    return { partition: partitionOf(projectId, key, found.partitions), words: [...hash].slice(1) };
  });
  await client.query(
    `INSERT INTO erased_keys (partition, word1, word2, word3, erased_before, version)
     SELECT partition, word1, word2, word3, $5, $6
     FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[]) AS hashed (partition, word1, word2, word3)
     ON CONFLICT (partition, word1, word2, word3)
     DO UPDATE SET erased_before = excluded.erased_before, version = excluded.version`,
    [
      hashed.map(({ partition }) => partition),
      ...[0, 1, 2].map((place) => hashed.map(({ words }) => words[place])),
      found.before,
      found.version,
    ],
  );
  await client.query("DELETE FROM erased_keys WHERE erased_before < now() - make_interval(days => $1)", [
    keysKeptDays,
  ]);
}
