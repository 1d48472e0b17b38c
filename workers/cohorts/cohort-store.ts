// Cohorts in the relational store: made, listed, found, deleted, and the ids of static ones.
import type pg from "pg";
import { cohortLimits, type Cohort, type CohortState } from "#schemas/cohorts/cohort.ts";
import { MillraceError } from "#schemas/errors.ts";
import { invalidQuery } from "#schemas/query/check.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";

/** Older members than this are not what was promised: the cohort shows as overdue. */
export const overdueAfterSeconds = 60;

export type NewCohort = { readonly name: string } & (
  { readonly definition: object; readonly uses: readonly number[] } | { readonly ids: readonly string[] }
);

/** A cohort, and the refresh that will have seen what was just written. */
export interface Pending {
  readonly publicId: string;
  readonly generation: number;
}

interface CohortRow {
  public_id: string;
  name: string;
  is_static: boolean;
  definition?: unknown;
  created_at: Date;
  size: string | null;
  refreshed_at: Date | null;
  refresh_failures: number;
  refresh_error: string | null;
  next_refresh_at: Date | null;
  ids_count: string;
  late: boolean;
}

const columns = `public_id, name, definition IS NULL AS is_static, created_at, size, refreshed_at,
  refresh_failures, refresh_error, ids_count,
  CASE WHEN refreshing_until <= now() THEN greatest(refresh_due_at, now()) END AS next_refresh_at,
  coalesce(refreshed_at, created_at) < now() - make_interval(secs => ${overdueAfterSeconds}) AS late`;

export class CohortStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Throws CONFLICT when the project has too many, INVALID_QUERY when a cohort that is named went away. */
  async create(projectId: number, cohort: NewCohort): Promise<Pending> {
    return transact(this.#postgres, async (client) => {
      const publicId = `coh_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
      const isStatic = "ids" in cohort;
      const { rows } = await client.query<{ id: number; others: string }>(
        `INSERT INTO cohorts (public_id, project_id, name, definition) VALUES ($1, $2, $3, $4)
         RETURNING id, (SELECT count(*) FROM cohorts WHERE project_id = $2 AND deleted_at IS NULL) AS others`,
        [publicId, projectId, cohort.name, isStatic ? null : JSON.stringify(cohort.definition)],
      );
      const { id, others } = rows[0] as { id: number; others: string };
      if (Number(others) >= cohortLimits.cohortsMax) {
        throw new MillraceError("CONFLICT", {
          message: `The project has ${others} cohorts; ${cohortLimits.cohortsMax} are allowed.`,
        });
      }
      if (isStatic) await addIds(client, id, cohort.ids);
      else await addUses(client, id, cohort.uses);
      return { publicId, generation: 1 };
    });
  }

  /** Throws COHORT_NOT_FOUND, or CONFLICT when it has a rule or would have too many ids. */
  async addIds(projectId: number, publicId: string, ids: readonly string[]): Promise<Pending> {
    return transact(this.#postgres, async (client) => {
      const { rows } = await client.query<{ id: number; is_static: boolean }>(
        `SELECT id, definition IS NULL AS is_static FROM cohorts
         WHERE project_id = $1 AND public_id = $2 AND deleted_at IS NULL FOR UPDATE`,
        [projectId, publicId],
      );
      const found = rows[0];
      if (found === undefined) throw new MillraceError("COHORT_NOT_FOUND");
      if (!found.is_static) {
        throw new MillraceError("CONFLICT", {
          message:
            "The members of this cohort come from its definition; ids can be added to static cohorts only.",
        });
      }
      return { publicId, generation: await addIds(client, found.id, ids) };
    });
  }

  async list(projectId: number): Promise<Cohort[]> {
    const { rows } = await this.#postgres.query<CohortRow>(
      `SELECT ${columns} FROM cohorts WHERE project_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2`,
      [projectId, cohortLimits.cohortsMax],
    );
    return rows.map(buildCohort);
  }

  /** With its definition. Throws COHORT_NOT_FOUND. */
  async find(projectId: number, publicId: string): Promise<Cohort> {
    const { rows } = await this.#postgres.query<CohortRow>(
      `SELECT ${columns}, definition FROM cohorts
       WHERE project_id = $1 AND public_id = $2 AND deleted_at IS NULL`,
      [projectId, publicId],
    );
    const row = rows[0];
    if (row === undefined) throw new MillraceError("COHORT_NOT_FOUND");
    return buildCohort(row);
  }

  async hasEnded({ publicId, generation }: Pending): Promise<boolean> {
    const { rows } = await this.#postgres.query<{ ended: boolean }>(
      "SELECT ended_generation >= $2 AS ended FROM cohorts WHERE public_id = $1",
      [publicId, generation],
    );
    return rows[0]?.ended ?? true;
  }

  /** Throws COHORT_NOT_FOUND, or CONFLICT that names a cohort whose definition needs this one. */
  async delete(projectId: number, publicId: string): Promise<{ id: number; generation: number }> {
    return transact(this.#postgres, async (client) => {
      const { rows } = await client.query<{ id: number; generation: string }>(
        `UPDATE cohorts SET deleted_at = now(), generation = generation + 1
         WHERE project_id = $1 AND public_id = $2 AND deleted_at IS NULL RETURNING id, generation`,
        [projectId, publicId],
      );
      const found = rows[0];
      if (found === undefined) throw new MillraceError("COHORT_NOT_FOUND");
      const { rows: users } = await client.query<{ name: string; public_id: string }>(
        `SELECT name, public_id FROM cohort_uses JOIN cohorts ON id = cohort_id
         WHERE used_cohort_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 10`,
        [found.id],
      );
      if (users[0] !== undefined) {
        throw new MillraceError("CONFLICT", {
          message: `The definition of the cohort "${users[0].name}" (${users[0].public_id}) names this one; delete that first.`,
          details: users.map(({ name, public_id }) => ({ cohort: public_id, name })),
        });
      }
      await client.query("DELETE FROM cohort_uses WHERE cohort_id = $1", [found.id]);
      await client.query("DELETE FROM cohort_ids WHERE cohort_id = $1", [found.id]);
      return { id: found.id, generation: Number(found.generation) };
    });
  }
}

/** Waits for whoever deletes one of them, and then refuses; makes who wants to delete one later wait. */
async function addUses(client: pg.PoolClient, cohortId: number, uses: readonly number[]): Promise<void> {
  if (uses.length === 0) return;
  const { rowCount } = await client.query(
    "SELECT FROM cohorts WHERE id = ANY ($1) AND deleted_at IS NULL FOR SHARE",
    [uses],
  );
  if (rowCount !== uses.length) {
    throw invalidQuery([{ path: "definition", message: "names a cohort that does not exist" }]);
  }
  await client.query("INSERT INTO cohort_uses SELECT $1, unnest($2::int[])", [cohortId, uses]);
}

/** Answers the generation of the refresh that will have seen them, and asks for it at once. */
async function addIds(client: pg.PoolClient, cohortId: number, ids: readonly string[]): Promise<number> {
  const { rowCount } = await client.query(
    "INSERT INTO cohort_ids SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
    [cohortId, ids],
  );
  const { rows } = await client.query<{ ids_count: string; generation: string }>(
    `UPDATE cohorts SET ids_count = ids_count + $2, refresh_due_at = '-infinity' WHERE id = $1
     RETURNING ids_count, generation`,
    [cohortId, rowCount ?? 0],
  );
  const row = rows[0] as { ids_count: string; generation: string };
  if (Number(row.ids_count) > cohortLimits.idsMax) {
    throw new MillraceError("CONFLICT", { message: `A cohort may have ${cohortLimits.idsMax} ids.` });
  }
  return Number(row.generation) + 1;
}

function buildCohort(row: CohortRow): Cohort {
  return {
    id: row.public_id,
    name: row.name,
    type: row.is_static ? "static" : "behavioural",
    size: row.size === null ? null : Number(row.size),
    created_at: row.created_at.toISOString(),
    refreshed_at: row.refreshed_at?.toISOString() ?? null,
    state: stateOf(row),
    refresh_error: row.refresh_error,
    refresh_failures: row.refresh_failures,
    next_refresh_at: row.next_refresh_at?.toISOString() ?? null,
    ...(row.is_static ? { ids: Number(row.ids_count) } : {}),
    ...(row.is_static || row.definition === undefined
      ? {}
      : { definition: row.definition as NonNullable<Cohort["definition"]> }),
  };
}

function stateOf(row: CohortRow): CohortState {
  if (row.refresh_failures > 0) return "failed";
  if (row.late) return "overdue";
  return row.refreshed_at === null ? "refreshing" : "ready";
}
