// What questions lacked and used, in the relational store: all query processes add to the same rows, which fade.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import type { LearnedSelector } from "#schemas/selectors/dimensions.ts";
import { learnedOrigin, type DemandNote, type DemandReply } from "#schemas/selectors/demand.ts";
import { selectorLimits, type SelectorDefinition } from "#schemas/selectors/selector.ts";
import { halfLifeSeconds, refusedSeconds, type Candidate, type Decision } from "./decide-learned.ts";
import { registerSelectors } from "./register-selectors.ts";

/** Selectors of a project that are remembered; the least costly are forgotten. */
const rememberedMax = 500;
const forgetSeconds = 14 * 86_400;
/** What was asked for comes 60 seconds before others that are due; of what was learned the most valuable. */
const headStartOf = (rows: number): number => (60 * rows) / (rows + 100_000_000);

/** What of `column` is left now. */
const faded = (column: string): string =>
  `${column} * power(0.5, extract(epoch FROM now() - demand.noted_at) / ${halfLifeSeconds})`;

/** As it is decided upon, but for the events it looks at. */
export interface StoredDemand extends Omit<Candidate, "events"> {
  readonly definition: SelectorDefinition;
}

export class DemandStore {
  readonly #postgres: Pick<Postgres, "query" | "connect">;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Adds what was counted; of projects that are gone nothing. */
  async add(notes: readonly DemandNote[]): Promise<void> {
    const lacked = notes.filter(({ asked }) => asked > 0);
    const used = notes.filter(({ uses }) => uses > 0);
    if (lacked.length > 0) {
      await this.#postgres.query(
        `INSERT INTO selector_demand AS demand (project_id, hash, definition, asked, rows, rows_each)
         SELECT project_id, hash, definition::json, asked, rows, rows / asked
         FROM unnest($1::int[], $2::text[], $3::text[], $4::float8[], $5::float8[])
           AS given (project_id, hash, definition, asked, rows)
         WHERE project_id IN (SELECT id FROM projects WHERE deleted_at IS NULL)
         ORDER BY project_id, hash
         ON CONFLICT (project_id, hash) DO UPDATE
           SET asked = ${faded("demand.asked")} + excluded.asked, rows = ${faded("demand.rows")} + excluded.rows,
               rows_each = excluded.rows_each, noted_at = now()`,
        [
          lacked.map(({ projectId }) => projectId),
          lacked.map(({ hash }) => hash),
          lacked.map(({ definition }) => JSON.stringify(definition)),
          lacked.map(({ asked }) => asked),
          lacked.map(({ rows }) => rows),
        ],
      );
    }
    if (used.length > 0) {
      await this.#postgres.query(
        `UPDATE selector_demand AS demand
         SET asked = ${faded("asked")} + uses, rows = ${faded("rows")} + uses * rows_each, noted_at = now(), used_at = now()
         FROM (SELECT * FROM unnest($1::int[], $2::text[], $3::float8[]) AS given (project_id, hash, uses)
               ORDER BY project_id, hash) AS given
         WHERE demand.project_id = given.project_id AND demand.hash = given.hash`,
        [used.map(({ projectId }) => projectId), used.map(({ hash }) => hash), used.map(({ uses }) => uses)],
      );
    }
  }

  /** Projects of which something is remembered. */
  async projects(): Promise<number[]> {
    const { rows } = await this.#postgres.query<{ id: number }>(
      "SELECT DISTINCT project_id AS id FROM selector_demand",
    );
    return rows.map(({ id }) => id);
  }

  async read(projectId: number): Promise<StoredDemand[]> {
    const { rows } = await this.#postgres.query<StoredDemand>(
      `SELECT demand.hash, demand.definition, ${faded("rows")} AS rows, ${faded("asked")} AS asked,
              EXISTS (SELECT FROM selector_uses WHERE selector_id = selectors.id AND origin = $2) AS learned,
              coalesce(extract(epoch FROM now() - greatest(used_at, learned_at)), 0)::float8 AS "idleSeconds",
              coalesce(refused_until > now(), false) AS refused,
              coalesce(days_kept, 0)::int AS "daysKept", coalesce(days_refused, 0)::int AS "daysRefused",
              coalesce(failures, 0) AS failures
       FROM selector_demand AS demand
       LEFT JOIN selectors ON selectors.project_id = demand.project_id AND selectors.hash = demand.hash AND NOT removed
       WHERE demand.project_id = $1
       ORDER BY demand.rows DESC`,
      [projectId, learnedOrigin],
    );
    return rows;
  }

  /** From now on exactly these are kept; what nobody asks for any more is forgotten. */
  async apply(projectId: number, kept: readonly StoredDemand[], { refused }: Decision): Promise<void> {
    await transact(this.#postgres as Postgres, async (client) => {
      // Two processes that decided at once come one after the other; a project that was deleted learns nothing.
      const { rowCount } = await client.query(
        "SELECT FROM projects WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
        [projectId],
      );
      const wanted = rowCount === 0 ? [] : kept;
      await registerSelectors(
        client,
        projectId,
        learnedOrigin,
        wanted.map(({ definition, rows }) => ({
          definition,
          valuesMax: selectorLimits.valuesMax,
          headStartSeconds: headStartOf(rows),
        })),
      );
      await client.query(
        `UPDATE selector_demand
         SET learned_at = CASE WHEN hash = ANY ($2) THEN coalesce(learned_at, now()) END,
             refused_until = CASE WHEN hash = ANY ($3) THEN now() + make_interval(secs => $4) ELSE refused_until END
         WHERE project_id = $1 AND ((learned_at IS NOT NULL) <> (hash = ANY ($2)) OR hash = ANY ($3))`,
        [projectId, wanted.map(({ hash }) => hash), refused.map(({ hash }) => hash), refusedSeconds],
      );
    });
  }

  async forget(projectId: number): Promise<void> {
    await this.#postgres.query(
      `DELETE FROM selector_demand WHERE project_id = $1 AND learned_at IS NULL
         AND (refused_until IS NULL OR refused_until < now())
         AND (noted_at < now() - make_interval(secs => $2)
           OR hash IN (SELECT hash FROM selector_demand AS demand WHERE project_id = $1
                       ORDER BY ${faded("rows")} DESC OFFSET $3))`,
      [projectId, forgetSeconds, rememberedMax],
    );
  }

  async refused(projectIds: readonly number[]): Promise<DemandReply["refused"]> {
    const { rows } = await this.#postgres.query<DemandReply["refused"][number]>(
      `SELECT project_id AS "projectId", hash, (extract(epoch FROM refused_until) * 1000)::float8 AS "untilMs"
       FROM selector_demand WHERE project_id = ANY ($1) AND refused_until > now()`,
      [projectIds],
    );
    return rows;
  }

  /** For whoever wants to see them; the most valuable first. */
  async list(projectId: number): Promise<LearnedSelector[]> {
    const { rows } = await this.#postgres.query<
      Omit<LearnedSelector, "event" | "filters" | "property" | "number" | "learned_at" | "used_at"> & {
        definition: SelectorDefinition;
        learned_at: Date;
        used_at: Date | null;
      }
    >(
      `SELECT demand.definition, learned_at, used_at, round(${faded("rows")})::float8 AS rows,
              days_kept::int, days_refused::int AS days_from_rows, days_behind::int, error
       FROM selector_demand AS demand
       JOIN selectors ON selectors.project_id = demand.project_id AND selectors.hash = demand.hash AND NOT removed
       WHERE demand.project_id = $1 AND learned_at IS NOT NULL
       ORDER BY rows DESC, demand.hash`,
      [projectId],
    );
    return rows.map(({ definition, learned_at: learnedAt, used_at: usedAt, ...days }) => ({
      event: definition.event,
      property: definition.breakdown ?? null,
      number: definition.number ?? null,
      filters: [...definition.filters],
      learned_at: learnedAt.toISOString(),
      used_at: usedAt?.toISOString() ?? null,
      ...days,
    }));
  }
}
