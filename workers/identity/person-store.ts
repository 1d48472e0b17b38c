// Joins and persons in the relational store. Everything here runs inside a transaction of the caller, after
// `lockPersons`: joins of one project are made one after the other, so what was read stays true until the commit.
import type { ClientBase } from "pg";
import type { Claim, NumberedJoin } from "./join.ts";
import { planJoins, type KnownPersons } from "./plan-joins.ts";
import { separate, separateAll, undoJoin, type JoinEdge, type Split } from "./split-person.ts";

/**
 * To be called in the order of projects, after the transaction has inserted its user numbers: who holds this lock waits
 * for nothing else, so no two transactions wait for each other.
 */
export async function lockPersons(client: ClientBase, projectId: number): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtext('user_merges'), $1)", [projectId]);
}

/** Makes those joins that the rules allow, in their order; a join under an origin that was made before is left out. */
export async function applyJoins(
  client: ClientBase,
  projectId: number,
  joins: readonly NumberedJoin[],
): Promise<void> {
  const made = await madeBefore(client, joins);
  let rest = joins.filter((join) => !made.has(join.origin));
  while (rest.length > 0) {
    const plan = planJoins(rest, await loadKnown(client, projectId, rest));
    await recordJoins(client, projectId, plan.made, plan.moved);
    if (plan.contestedAt === undefined) return;
    const contested = rest[plan.contestedAt] as NumberedJoin;
    const isFree = await undoClaim(client, projectId, contested.joinedNumber, { onlyIfAnonymous: true });
    rest = rest.slice(plan.contestedAt + (isFree ? 0 : 1));
  }
}

/**
 * Separates ids from the person of `from`: each group holds the numbers of one id. Without groups, all ids of the
 * person are separated.
 */
export async function separateIds(
  client: ClientBase,
  projectId: number,
  from: number,
  groups: readonly (readonly number[])[] | undefined,
): Promise<void> {
  const person = await personOf(client, projectId, from);
  const edges = await loadEdges(client, projectId, person);
  const split = groups === undefined ? separateAll(edges, person) : separate({ edges, person, from, groups });
  await recordSplit(client, projectId, split, person);
}

/**
 * An id that an alias took for unused turns out to have had events before: the alias would have been refused, had
 * the id's partition been faster. Answers whether there was one.
 */
export async function releaseAliases(
  client: ClientBase,
  projectId: number,
  ids: readonly { number: number; arrivedMs: number }[],
): Promise<boolean> {
  const { rows } = await client.query<{ user_number: string }>(
    `SELECT DISTINCT user_number FROM user_merges
     JOIN unnest($2::bigint[], $3::bigint[]) AS seen (number, arrived_ms) ON user_number = seen.number
     WHERE project_id = $1 AND undone_at IS NULL AND kind = 'alias' AND user_merges.arrived_ms >= seen.arrived_ms`,
    [projectId, ids.map(({ number }) => number), ids.map(({ arrivedMs }) => arrivedMs)],
  );
  for (const row of rows) {
    await undoClaim(client, projectId, Number(row.user_number), { onlyIfAnonymous: false });
  }
  return rows.length > 0;
}

async function madeBefore(client: ClientBase, joins: readonly NumberedJoin[]): Promise<Set<string>> {
  const { rows } = await client.query<{ origin: string }>(
    "SELECT origin FROM user_merges WHERE origin = ANY ($1)",
    [joins.map((join) => join.origin)],
  );
  return new Set(rows.map((row) => row.origin));
}

async function loadKnown(
  client: ClientBase,
  projectId: number,
  joins: readonly NumberedJoin[],
): Promise<KnownPersons> {
  const numbers = [...new Set(joins.flatMap((join) => [join.intoNumber, join.joinedNumber]))];
  const persons = await client.query<{ number: string; person: string }>(
    `SELECT ids.number, coalesce(person_number, ids.number) AS person
     FROM unnest($2::bigint[]) AS ids (number)
     LEFT JOIN user_persons ON project_id = $1 AND user_number = ids.number`,
    [projectId, numbers],
  );
  const claims = await client.query<{
    user_number: string;
    arrived_ms: string;
    happened_ms: string;
    event_id: string;
  }>(
    `SELECT user_number, arrived_ms, happened_ms, event_id FROM user_merges
     WHERE project_id = $1 AND undone_at IS NULL AND user_number = ANY ($2) AND arrived_ms IS NOT NULL
     ORDER BY arrived_ms, happened_ms, event_id`,
    [projectId, numbers],
  );
  return {
    persons: new Map(persons.rows.map((row) => [Number(row.number), Number(row.person)])),
    identified: await loadIdentified(client, projectId, [
      ...new Set(persons.rows.map((row) => Number(row.person))),
    ]),
    claims: new Map(
      claims.rows.map((row): [number, Claim] => [
        Number(row.user_number),
        { arrivedMs: Number(row.arrived_ms), happenedMs: Number(row.happened_ms), eventId: row.event_id },
      ]),
    ),
  };
}

/** Those of the persons who have a user id that was seen in an event. */
async function loadIdentified(
  client: ClientBase,
  projectId: number,
  persons: readonly number[],
): Promise<Set<number>> {
  const { rows } = await client.query<{ person: string }>(
    `SELECT DISTINCT ids.person FROM (
       SELECT person, person AS user_number FROM unnest($2::bigint[]) AS person
       UNION ALL
       SELECT person_number, user_number FROM user_persons
       WHERE project_id = $1 AND person_number = ANY ($2::bigint[])) AS ids
     JOIN user_numbers AS keys ON keys.project_id = $1 AND keys.user_number = ids.user_number
     WHERE NOT keys.reserved AND starts_with(keys.user_key, 'u:')`,
    [projectId, persons],
  );
  return new Set(rows.map((row) => Number(row.person)));
}

async function personOf(client: ClientBase, projectId: number, number: number): Promise<number> {
  const { rows } = await client.query<{ person_number: string }>(
    "SELECT person_number FROM user_persons WHERE project_id = $1 AND user_number = $2",
    [projectId, number],
  );
  return Number(rows[0]?.person_number ?? number);
}

async function loadEdges(client: ClientBase, projectId: number, person: number): Promise<JoinEdge[]> {
  // Both ends of a join belong to one person, so one end finds it; the person's own number has no row.
  const { rows } = await client.query<{ id: string; user_number: string; into_number: string }>(
    `SELECT id, user_number, into_number FROM user_merges
     WHERE project_id = $1 AND undone_at IS NULL AND user_number IN (
       SELECT user_number FROM user_persons WHERE project_id = $1 AND person_number = $2
       UNION ALL SELECT $2::bigint)`,
    [projectId, person],
  );
  return rows.map((row) => ({ id: row.id, joined: Number(row.user_number), into: Number(row.into_number) }));
}

async function recordJoins(
  client: ClientBase,
  projectId: number,
  made: readonly NumberedJoin[],
  moved: ReadonlyMap<number, number>,
): Promise<void> {
  if (made.length === 0) return;
  await client.query(
    `INSERT INTO user_merges (project_id, user_number, into_number, kind, origin, arrived_ms, happened_ms, event_id)
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])`,
    [
      projectId,
      made.map((join) => join.joinedNumber),
      made.map((join) => join.intoNumber),
      made.map((join) => join.kind),
      made.map((join) => join.origin),
      made.map((join) => join.claim?.arrivedMs ?? null),
      made.map((join) => join.claim?.happenedMs ?? null),
      made.map((join) => join.claim?.eventId ?? null),
    ],
  );
  await client.query(
    `WITH moved AS (SELECT * FROM unnest($2::bigint[], $3::bigint[]) AS moved (former, person)),
     members AS (
       UPDATE user_persons SET person_number = moved.person FROM moved
       WHERE project_id = $1 AND person_number = moved.former
       RETURNING user_number, person_number),
     persons AS (
       INSERT INTO user_persons (project_id, user_number, person_number) SELECT $1, former, person FROM moved
       RETURNING user_number, person_number)
     INSERT INTO person_changes (project_id, user_number, person_number)
     SELECT $1, user_number, person_number FROM members UNION ALL SELECT $1, user_number, person_number FROM persons`,
    [projectId, [...moved.keys()], [...moved.values()]],
  );
}

async function recordSplit(
  client: ClientBase,
  projectId: number,
  split: Split,
  person: number,
): Promise<void> {
  if (split.cut.length === 0) return;
  await client.query("UPDATE user_merges SET undone_at = now() WHERE id = ANY ($1::bigint[])", [
    split.cut.map((edge) => edge.id),
  ]);
  const changed = [...split.persons].filter(([, now]) => now !== person);
  await client.query(
    `WITH changed AS (SELECT * FROM unnest($2::bigint[], $3::bigint[]) AS changed (number, person)),
     freed AS (
       DELETE FROM user_persons USING changed
       WHERE project_id = $1 AND user_number = changed.number AND changed.person = changed.number),
     moved AS (
       UPDATE user_persons SET person_number = changed.person FROM changed
       WHERE project_id = $1 AND user_number = changed.number AND changed.person <> changed.number)
     INSERT INTO person_changes (project_id, user_number, person_number) SELECT $1, number, person FROM changed`,
    [projectId, changed.map(([number]) => number), changed.map(([, now]) => now)],
  );
}

/**
 * Undoes the latest join by which an event claimed the number; with `onlyIfAnonymous`, only if that leaves the number
 * with a person who has no user id. Answers whether it did.
 */
async function undoClaim(
  client: ClientBase,
  projectId: number,
  number: number,
  options: { onlyIfAnonymous: boolean },
): Promise<boolean> {
  const person = await personOf(client, projectId, number);
  const edges = await loadEdges(client, projectId, person);
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM user_merges
     WHERE project_id = $1 AND undone_at IS NULL AND user_number = $2 AND arrived_ms IS NOT NULL
     ORDER BY arrived_ms DESC, happened_ms DESC, event_id DESC LIMIT 1`,
    [projectId, number],
  );
  const edge = edges.find(({ id }) => id === rows[0]?.id);
  if (edge === undefined) return false;
  const split = undoJoin({ edges, person, edge });
  if (options.onlyIfAnonymous) {
    const own = split.persons.get(number);
    const part = [...split.persons].filter(([, now]) => now === own).map(([each]) => each);
    if (await hasUserId(client, projectId, part)) return false;
  }
  await recordSplit(client, projectId, split, person);
  return true;
}

async function hasUserId(
  client: ClientBase,
  projectId: number,
  numbers: readonly number[],
): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM user_numbers WHERE project_id = $1 AND user_number = ANY ($2)
       AND NOT reserved AND starts_with(user_key, 'u:') LIMIT 1`,
    [projectId, numbers],
  );
  return (rowCount ?? 0) > 0;
}
