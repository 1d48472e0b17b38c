// What a query has to know of a project's people before it is compiled: whether ids were joined, and which of the
// cohorts that it names exist.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { invalidQuery } from "#schemas/query/check.ts";
import type { Sample } from "./sample.ts";

export interface People {
  /** True when ids of the project were joined: user numbers then go through the map of persons. */
  readonly merged: boolean;
  /** Numbers of the cohorts that the query names, by their ids. */
  readonly cohorts: ReadonlyMap<string, number>;
  /** Only these persons are looked at; absent: everybody. */
  readonly sample?: Sample;
  /** A person who pauses for longer begins another session; absent: half an hour. */
  readonly sessionIdleMs?: number;
}

/** A cohort that a query names, and where. */
export interface CohortUse {
  readonly id: string;
  readonly path: string;
}

export const nobodyJoined: People = { merged: false, cohorts: new Map() };

/** Throws INVALID_QUERY with the path of every cohort that does not exist. */
export async function loadPeople(
  postgres: Postgres,
  projectId: number,
  cohortsUsed: readonly CohortUse[],
): Promise<People> {
  const { rows } = await postgres.query<{ merged: boolean; cohorts: Record<string, number> | null }>(
    `SELECT EXISTS (SELECT FROM user_persons WHERE project_id = $1) AS merged,
            (SELECT json_object_agg(public_id, id) FROM cohorts
             WHERE project_id = $1 AND deleted_at IS NULL AND public_id = ANY ($2)) AS cohorts`,
    // No id holds NUL, and the store takes no such text.
    [projectId, [...new Set(cohortsUsed.map(({ id }) => id))].filter((id) => !id.includes("\0"))],
  );
  const cohorts = new Map(Object.entries(rows[0]?.cohorts ?? {}));
  const unknown = cohortsUsed.filter(({ id }) => !cohorts.has(id));
  if (unknown.length > 0) {
    throw invalidQuery(unknown.map(({ path }) => ({ path, message: "names a cohort that does not exist" })));
  }
  return { merged: rows[0]?.merged ?? false, cohorts };
}
