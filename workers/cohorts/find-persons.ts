// The persons behind the ids of a static cohort, as they are known now: an id may be a user's, an anonymous one, or
// both, and may become known long after it was listed.
import type { Postgres } from "#ops/runtime/postgres.ts";

const idsPerPage = 50_000;

/**
 * `ids` is a table with the column user_id. Two rows an id, so that the join is one of equal values: with
 * `= ANY (ARRAY[…])` instead, 100,000 ids among 100,000 users took more than 20 s, with this less than 2 s.
 */
const keysOf = (ids: string): string => `${ids} AS ids
  CROSS JOIN LATERAL (VALUES ('u:' || ids.user_id), ('a:' || ids.user_id)) AS wanted (user_key)
  JOIN user_numbers AS keys ON keys.project_id = $2 AND keys.user_key = wanted.user_key
  LEFT JOIN user_persons AS joined
    ON joined.project_id = $2 AND joined.user_number = keys.user_number`;
const person = "coalesce(joined.person_number, keys.user_number)";

/** Changes exactly when the found persons change: then they are read and written again. */
export async function digestPersons(
  postgres: Postgres,
  projectId: number,
  cohortId: number,
): Promise<string> {
  const { rows } = await postgres.query<{ digest: string }>(
    `SELECT count(*) || ':' || coalesce(bit_xor(hashint8extended(person, 0)), 0) || ':' ||
            coalesce(sum(hashint8(person)), 0) AS digest
     FROM (SELECT DISTINCT ${person} AS person FROM ${keysOf("cohort_ids")} WHERE ids.cohort_id = $1) AS persons`,
    [cohortId, projectId],
  );
  return (rows[0] as { digest: string }).digest;
}

interface Page {
  readonly persons: string[] | null;
  readonly last: string | null;
  readonly ids: number;
}

/** Page by page; a person of several ids may come more than once. */
export async function* findPersons(
  postgres: Postgres,
  projectId: number,
  cohortId: number,
): AsyncGenerator<readonly number[]> {
  let after: string | null = "";
  while (after !== null) {
    const page: Page | undefined = (
      await postgres.query<Page>(
        `WITH page AS (
           SELECT user_id FROM cohort_ids WHERE cohort_id = $1 AND user_id > $3 ORDER BY user_id LIMIT $4)
         SELECT (SELECT array_agg(${person}) FROM ${keysOf("page")}) AS persons,
                (SELECT max(user_id) FROM page) AS last, (SELECT count(*)::int FROM page) AS ids`,
        [cohortId, projectId, after, idsPerPage],
      )
    ).rows[0];
    if (page?.persons) yield page.persons.map(Number);
    after = page?.ids === idsPerPage ? page.last : null;
  }
}
