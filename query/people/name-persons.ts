// The ids by which the outside world knows persons: what lists of users answer.
import type { Postgres } from "#ops/runtime/postgres.ts";

/** More numbers than this are asked in pieces. */
const numbersAtOnceMax = 10_000;

/**
 * The id of each person: one of its user ids, the one of the person's own number first, then the oldest; an anonymous
 * id only when it has no user id that was seen in an event. Numbers that nobody has are left out (the person was erased
 * meanwhile).
 */
export async function namePersons(
  postgres: Pick<Postgres, "query">,
  projectId: number,
  numbers: readonly number[],
): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  for (let start = 0; start < numbers.length; start += numbersAtOnceMax) {
    const { rows } = await postgres.query<{ person: string; user_key: string }>(
      `WITH ids AS (
         SELECT number AS person, number AS user_number FROM unnest($2::bigint[]) AS number
         UNION ALL
         SELECT person_number, user_number FROM user_persons
         WHERE project_id = $1 AND person_number = ANY ($2::bigint[]) AND user_number <> person_number
       )
       SELECT DISTINCT ON (ids.person) ids.person, keys.user_key
       FROM ids JOIN user_numbers AS keys ON keys.project_id = $1 AND keys.user_number = ids.user_number
       ORDER BY ids.person, starts_with(keys.user_key, 'u:') AND NOT keys.reserved DESC,
                ids.user_number = ids.person DESC, keys.reserved, ids.user_number, keys.user_key`,
      [projectId, numbers.slice(start, start + numbersAtOnceMax)],
    );
    // Keys begin with u: or a:.
    for (const { person, user_key } of rows) names.set(Number(person), user_key.slice(2));
  }
  return names;
}
