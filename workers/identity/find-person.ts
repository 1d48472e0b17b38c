// From an id as the outside world writes it to the person behind it.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { userLimits, type PersonIds } from "#schemas/users/user.ts";
import { keysOfId } from "./read-joins.ts";

type Queries = Pick<Postgres, "query">;

/**
 * The key by which an id is meant when it must be one: the user id if it was seen, else the anonymous id if that was,
 * else what is reserved; undefined when nothing is known of the id.
 */
export async function findMainKey(
  postgres: Queries,
  projectId: number,
  id: string,
): Promise<{ key: string; number: number } | undefined> {
  const { rows } = await postgres.query<{ user_key: string; user_number: string }>(
    `SELECT user_key, user_number FROM user_numbers WHERE project_id = $1 AND user_key = ANY ($2)
     ORDER BY reserved, user_key DESC LIMIT 1`,
    [projectId, keysOfId(id)],
  );
  const row = rows[0];
  return row === undefined ? undefined : { key: row.user_key, number: Number(row.user_number) };
}

export async function personOfNumber(postgres: Queries, projectId: number, number: number): Promise<number> {
  const { rows } = await postgres.query<{ person_number: string }>(
    "SELECT person_number FROM user_persons WHERE project_id = $1 AND user_number = $2",
    [projectId, number],
  );
  return Number(rows[0]?.person_number ?? number);
}

/** A key (u: or a:) of a person; `seen`: an event carried it. */
export interface PersonKey {
  readonly key: string;
  readonly seen: boolean;
}

/** Keys of the person, the one that stands for it first: its user ids, its own number's before others. */
export async function keysOfPerson(
  postgres: Queries,
  projectId: number,
  person: number,
): Promise<PersonKey[]> {
  const { rows } = await postgres.query<PersonKey>(
    `SELECT keys.user_key AS key, NOT keys.reserved AS seen FROM (
       SELECT $2::bigint AS user_number
       UNION ALL
       SELECT user_number FROM user_persons
       WHERE project_id = $1 AND person_number = $2 AND user_number <> person_number) AS ids
     JOIN user_numbers AS keys ON keys.project_id = $1 AND keys.user_number = ids.user_number
     ORDER BY starts_with(keys.user_key, 'u:') AND NOT keys.reserved DESC, ids.user_number = $2 DESC,
              keys.reserved, ids.user_number, keys.user_key
     LIMIT $3`,
    [projectId, person, 2 * userLimits.idsShownMax],
  );
  return rows;
}

export function idsOfKeys(keys: readonly PersonKey[]): PersonIds {
  const ids = [...new Set(keys.map(({ key }) => key.slice(2)))].slice(0, userLimits.idsShownMax);
  return { id: ids[0] ?? "", ids };
}
