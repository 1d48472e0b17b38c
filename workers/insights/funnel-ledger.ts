// Which funnels are kept by day, for which insights, and who works on which: claims with a lease.
import type pg from "pg";
import type { KeptFunnel } from "#schemas/insights/funnel-days.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";

/** A claim that did not end by then is given to another worker. */
export const leaseSeconds = 120;
/** Days that ended, and late events, are looked for so often at least … */
const pauseSecondsMin = 30;
const pauseSecondsMax = 600;
/** … by funnels whose work takes a tenth of the time at most; and of all funnels together so many a second. */
const pausePerWork = 10;
const roundsPerSecondMax = 5;
const retrySecondsMin = 5;
const retrySecondsMax = 300;

export interface FunnelClaim {
  readonly definitionId: number;
  readonly projectId: number;
  readonly generation: number;
  readonly zone: string;
  readonly query: Readonly<Record<string, unknown>>;
  /** Null: no insight asks for it any more. */
  readonly days: number | null;
}

/** The funnel that an insight asks for from now on; null: none. Runs in the transaction that changes the insight. */
export async function keepFunnel(
  client: pg.PoolClient,
  asked: { readonly projectId: number; readonly insightId: number; readonly funnel: KeptFunnel | null },
): Promise<void> {
  const { projectId, insightId, funnel } = asked;
  await client.query("DELETE FROM insight_funnels WHERE insight_id = $1", [insightId]);
  if (funnel === null) return;
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO funnel_definitions (project_id, hash, zone, query) VALUES ($1, $2, $3, $4)
     ON CONFLICT (project_id, hash, zone) DO UPDATE SET refresh_due_at = '-infinity' RETURNING id`,
    [projectId, funnel.hash, funnel.zone, JSON.stringify(funnel.query)],
  );
  await client.query("INSERT INTO insight_funnels (insight_id, definition_id, days) VALUES ($1, $2, $3)", [
    insightId,
    rows[0]?.id,
    funnel.days,
  ]);
}

export class FunnelLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** The funnel that is due the longest; undefined when none is. Every claim is a generation of its own. */
  async claim(): Promise<FunnelClaim | undefined> {
    const { rows } = await this.#postgres.query<{
      id: number;
      project_id: number;
      generation: string;
      zone: string;
      query: Record<string, unknown>;
      days: number | null;
    }>(
      `WITH due AS (
         SELECT id FROM funnel_definitions
         WHERE refresh_due_at <= now() AND refreshing_until <= now()
         ORDER BY refresh_due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
       UPDATE funnel_definitions AS definition
       SET generation = generation + 1, refreshing_until = now() + make_interval(secs => $1),
           refresh_due_at = now() + make_interval(secs => $1)
       FROM due WHERE definition.id = due.id
       RETURNING definition.id, project_id, generation, zone, query,
                 (SELECT max(days) FROM insight_funnels WHERE definition_id = definition.id) AS days`,
      [leaseSeconds],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      definitionId: row.id,
      projectId: row.project_id,
      generation: Number(row.generation),
      zone: row.zone,
      query: row.query,
      days: row.days,
    };
  }

  /** `more`: it is due again at once, behind all others. */
  async succeed(
    claim: FunnelClaim,
    work: { readonly seconds: number; readonly more: boolean },
  ): Promise<void> {
    await this.#postgres.query(
      `UPDATE funnel_definitions
       SET refreshing_until = '-infinity', refresh_failures = 0,
           refreshed_at = CASE WHEN $3::boolean THEN refreshed_at ELSE now() END,
           refresh_due_at = CASE WHEN $3::boolean OR refresh_due_at < refreshing_until THEN now()
             ELSE now() + make_interval(secs => least($6::float8, greatest($5::float8, $4::float8, (SELECT count(*) FROM funnel_definitions) / $7::float8))) END
       WHERE id = $1 AND generation = $2`,
      [
        claim.definitionId,
        claim.generation,
        work.more,
        work.seconds * pausePerWork,
        pauseSecondsMin,
        pauseSecondsMax,
        roundsPerSecondMax,
      ],
    );
  }

  /** Each failure in a row waits twice as long, at random up to a quarter less. */
  async fail(claim: FunnelClaim): Promise<void> {
    await this.#postgres.query(
      `UPDATE funnel_definitions
       SET refreshing_until = '-infinity', refresh_failures = refresh_failures + 1,
           refresh_due_at = now() + make_interval(secs =>
             least($4::float8, $3::float8 * power(2, least(refresh_failures, 20))) * (1 - random() / 4))
       WHERE id = $1 AND generation = $2`,
      [claim.definitionId, claim.generation, retrySecondsMin, retrySecondsMax],
    );
  }

  /** Gives it back undone, for another worker to begin at once. */
  async release(claim: FunnelClaim): Promise<void> {
    await this.#postgres.query(
      `UPDATE funnel_definitions SET refreshing_until = '-infinity', refresh_due_at = '-infinity'
       WHERE id = $1 AND generation = $2`,
      [claim.definitionId, claim.generation],
    );
  }

  /** For a funnel whose days are gone; it stays when an insight has asked for it meanwhile. */
  async remove(claim: FunnelClaim): Promise<void> {
    await this.#postgres.query(
      `DELETE FROM funnel_definitions AS definition WHERE id = $1 AND generation = $2
       AND NOT EXISTS (SELECT FROM insight_funnels WHERE definition_id = definition.id)`,
      [claim.definitionId, claim.generation],
    );
  }

  async count(): Promise<{ kept: number; waiting: number; failing: number }> {
    const { rows } = await this.#postgres.query<{ kept: number; waiting: number; failing: number }>(
      `SELECT count(*)::int AS kept, count(*) FILTER (WHERE refreshed_at IS NULL)::int AS waiting,
              count(*) FILTER (WHERE refresh_failures > 0)::int AS failing
       FROM funnel_definitions`,
    );
    return rows[0] ?? { kept: 0, waiting: 0, failing: 0 };
  }
}
