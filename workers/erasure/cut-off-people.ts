// The moment from which nobody can name some people any more: in one transaction their ids lose their numbers, their joins
// go, and every partition learns that what was handed over before is to be dropped. What is stored under the numbers is
// now nobody's, grows no more once the batches under way have ended, and can be removed in any order.
import type { ClientBase } from "pg";
import { transact } from "#ops/runtime/transact.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { hash128, partitionOf } from "#schemas/hash.ts";
import { lockPersons } from "../identity/person-store.ts";
import { keysOfId } from "../identity/read-joins.ts";
import type { ErasureClaim } from "./erasure-ledger.ts";

/** Erased keys are known for as long as dead blocks and uploads are kept, and a month. */
const keysKeptDays = 120;

interface Asked {
  readonly id: string;
  readonly askedId: string;
}

interface Found extends Asked {
  readonly numbers: number[];
  readonly keys: string[];
}

/** The person that the claim names, and those that go together with it. */
export async function cutOffPeople(
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
    const found = await findPeople(client, claim.projectId, await lockAsked(client, claim));
    const numbers = found.flatMap((each) => each.numbers);
    // Now, not when the transaction began: until here it may have waited for batches.
    const { rows: now } = await client.query<{ before: string; version: string }>(
      "SELECT clock_timestamp()::text AS before, nextval('erasure_versions') AS version",
    );
    const { before, version } = now[0] as { before: string; version: string };
    await rememberKeys(client, claim.projectId, found, { partitions, before, version });
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
    await client.query(
      `UPDATE erasures
       SET state = 'removing', erased_before = $2, open_batches = $3,
           user_keys = ARRAY(SELECT jsonb_array_elements_text(found.keys)),
           user_numbers = ARRAY(SELECT jsonb_array_elements_text(found.numbers)::bigint),
           unread_uploads = ARRAY(
             SELECT id FROM uploads
             WHERE project_id = erasures.project_id AND state IN ('receiving', 'processing') ORDER BY created_at, id)
       FROM jsonb_to_recordset($1) AS found (id text, keys jsonb, numbers jsonb)
       WHERE erasures.id = found.id`,
      [
        JSON.stringify(found.map(({ id, keys, numbers: own }) => ({ id, keys, numbers: own }))),
        before,
        JSON.stringify(Object.fromEntries(batches)),
      ],
    );
  });
}

/** Whoever asked again meanwhile waits for another turn. Throws when another worker has the claim. */
async function lockAsked(client: ClientBase, claim: ErasureClaim): Promise<Asked[]> {
  const { rows } = await client.query<{ id: string; asked_id: string; ours: boolean }>(
    `SELECT id, asked_id, id = $1 AND attempt = $2 AS ours FROM erasures
     WHERE state = 'waiting' AND (id = $1 OR leader_id = $1) ORDER BY id FOR UPDATE`,
    [claim.id, claim.attempt],
  );
  if (!rows.some(({ ours }) => ours)) throw new Error("another worker has the erasure");
  return rows.map(({ id, asked_id: askedId }) => ({ id, askedId }));
}

/** All ids of the persons that the ids name, as a user id and as an anonymous one; a person that two name is the first's. */
async function findPeople(client: ClientBase, projectId: number, asked: readonly Asked[]): Promise<Found[]> {
  const named = asked.flatMap(({ id, askedId }) => keysOfId(askedId).map((key) => [id, key] as const));
  const { rows } = await client.query<{ id: string; user_number: string; user_key: string }>(
    `WITH named AS (
       SELECT asked.id, coalesce(person_number, keys.user_number) AS person
       FROM unnest($2::text[], $3::text[]) AS asked (id, user_key)
       JOIN user_numbers AS keys ON keys.project_id = $1 AND keys.user_key = asked.user_key
       LEFT JOIN user_persons ON user_persons.project_id = $1 AND user_persons.user_number = keys.user_number),
     own AS (
       SELECT id, person AS user_number FROM named
       UNION
       SELECT id, user_number FROM named JOIN user_persons ON project_id = $1 AND person_number = person)
     SELECT id, own.user_number, user_key
     FROM own JOIN user_numbers ON user_numbers.project_id = $1 AND user_numbers.user_number = own.user_number
     ORDER BY id, own.user_number, user_key`,
    [projectId, named.map(([id]) => id), named.map(([, key]) => key)],
  );
  const found = new Map<string, Found>(asked.map((each) => [each.id, { ...each, numbers: [], keys: [] }]));
  const owners = new Map<number, string>();
  for (const { id, user_number: text, user_key: key } of rows) {
    const number = Number(text);
    const owner = owners.get(number) ?? id;
    if (owner !== id) continue;
    const person = found.get(id) as Found;
    if (!owners.has(number)) person.numbers.push(number);
    owners.set(number, id);
    person.keys.push(key);
  }
  return [...found.values()];
}

const hash = new Uint32Array(4);

/** For whatever of theirs comes again. */
async function rememberKeys(
  client: ClientBase,
  projectId: number,
  people: readonly Found[],
  at: { partitions: number; before: string; version: string },
): Promise<void> {
  const keys = new Set(people.flatMap((person) => [...person.keys, ...keysOfId(person.askedId)]));
  const hashed = [...keys].map((key) => {
    hash128(projectId, key, hash);
    return { partition: partitionOf(projectId, key, at.partitions), words: [...hash].slice(1) };
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
      at.before,
      at.version,
    ],
  );
  await client.query("DELETE FROM erased_keys WHERE erased_before < now() - make_interval(days => $1)", [
    keysKeptDays,
  ]);
}
