// Who works on which selector when: claims with a lease, so that only one worker computes a selector's days at a
// time, and what became of each try.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { rangesOfMonths, type MsRange } from "#schemas/retention/month.ts";
import type { SelectorDefinition } from "#schemas/selectors/selector.ts";

/** A claim that did not end by then counts as failed, and another worker may begin. */
const leaseSeconds = 120;

/** Time between two looks at a selector that is up to date: at least, and at most. */
const pauseSecondsMin = 10;
const pauseSecondsMax = 300;
/** Looks a second at all selectors together, as long as that is within the bounds above. */
const looksPerSecondMax = 10;
/** A selector that takes long comes less often: it works for a tenth of the time at most. */
const pausePerWork = 10;

const retrySecondsMin = 5;
const retrySecondsMax = 300;
const errorLengthMax = 500;

/** Nobody can be reading what was replaced, or is not wanted, so long after: a background job may take an hour. */
export const unusedSecondsMin = 4_000;

export interface SelectorClaim {
  readonly selectorId: number;
  readonly projectId: number;
  readonly definition: SelectorDefinition;
  readonly valuesMax: number;
  readonly epoch: number;
}

/** Closed days of all events. */
export interface SelectorDays {
  readonly kept: number;
  readonly refused: number;
  readonly behind: number;
}

export interface SelectorCounts {
  readonly selectors: number;
  readonly failing: number;
  readonly behind: number;
  /** Of them because questions lacked them. */
  readonly learned: number;
}

export class SelectorLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Time of which stored events were removed. */
  async goneRanges(projectId: number): Promise<MsRange[]> {
    const { rows } = await this.#postgres.query<{ month: number }>(
      "SELECT month FROM raw_months_gone WHERE project_id = $1 AND NOT restored",
      [projectId],
    );
    return rangesOfMonths(rows.map(({ month }) => month));
  }

  /** The selector that is due the longest, of those never looked at the most valuable; undefined when none is. */
  async claim(): Promise<SelectorClaim | undefined> {
    const { rows } = await this.#postgres.query<{
      id: number;
      project_id: number;
      definition: SelectorDefinition;
      values_max: number;
      epoch: string;
    }>(
      `WITH due AS (
         SELECT id FROM selectors
         WHERE NOT removed AND unused_since IS NULL AND due_at <= now() AND working_until <= now()
         ORDER BY due_at - make_interval(secs => head_start_seconds), head_start_seconds DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED)
       UPDATE selectors SET epoch = epoch + 1, working_until = now() + make_interval(secs => $1)
       FROM due WHERE selectors.id = due.id
       RETURNING selectors.id, project_id, definition, epoch,
                 coalesce((SELECT max(values_max) FROM selector_uses WHERE selector_id = selectors.id), 0) AS values_max`,
      [leaseSeconds],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      selectorId: row.id,
      projectId: row.project_id,
      definition: row.definition,
      valuesMax: row.values_max,
      epoch: Number(row.epoch),
    };
  }

  /** `more`: other days wait. Changes nothing when the lease went to somebody else meanwhile. */
  async succeed(
    claim: SelectorClaim,
    days: SelectorDays,
    work: { ms: number; more: boolean },
  ): Promise<void> {
    await this.#postgres.query(
      `UPDATE selectors
       SET working_until = '-infinity', failures = 0, error = NULL, looked_at = now(),
           days_kept = $3, days_refused = $4, days_behind = $5,
           due_at = now() + CASE WHEN $6 THEN interval '0' ELSE make_interval(secs =>
             least($10, greatest($9, $7, (SELECT count(*) FROM selectors WHERE NOT removed) / $8::float8))) END
       WHERE id = $1 AND epoch = $2`,
      [
        claim.selectorId,
        claim.epoch,
        days.kept,
        days.refused,
        days.behind,
        work.more,
        (work.ms / 1000) * pausePerWork,
        looksPerSecondMax,
        pauseSecondsMin,
        pauseSecondsMax,
      ],
    );
  }

  /** Each failure in a row waits twice as long, at random up to a quarter less. */
  async fail(claim: SelectorClaim, message: string): Promise<void> {
    await this.#postgres.query(
      `UPDATE selectors
       SET working_until = '-infinity', failures = failures + 1, error = $3,
           due_at = now() + make_interval(secs =>
             least($5::float8, $4::float8 * power(2, least(failures, 20))) * (1 - random() / 4))
       WHERE id = $1 AND epoch = $2`,
      [claim.selectorId, claim.epoch, message.slice(0, errorLengthMax), retrySecondsMin, retrySecondsMax],
    );
  }

  /** Gives it back undone, for another worker to begin at once. */
  async release(claim: SelectorClaim): Promise<void> {
    await this.#postgres.query(
      "UPDATE selectors SET working_until = '-infinity' WHERE id = $1 AND epoch = $2",
      [claim.selectorId, claim.epoch],
    );
  }

  async nextGeneration(): Promise<number> {
    const { rows } = await this.#postgres.query<{ generation: string }>(
      "SELECT nextval('selector_generations') AS generation",
    );
    return Number(rows[0]?.generation);
  }

  /** Selectors that nobody has wanted for long: from now on nobody can have them back. */
  async takeUnused(): Promise<{ selectorId: number; projectId: number }[]> {
    await this.#postgres.query(
      `UPDATE selectors SET unused_since = now()
       WHERE unused_since IS NULL AND NOT removed
         AND NOT EXISTS (SELECT FROM selector_uses WHERE selector_id = id)`,
    );
    const { rows } = await this.#postgres.query<{ id: number; project_id: number }>(
      `UPDATE selectors SET removed = true
       WHERE removed OR (unused_since < now() - make_interval(secs => $1)
         AND NOT EXISTS (SELECT FROM selector_uses WHERE selector_id = id))
       RETURNING id, project_id`,
      [unusedSecondsMin],
    );
    return rows.map((row) => ({ selectorId: row.id, projectId: row.project_id }));
  }

  /** After what it kept is gone. */
  async forget(selectorIds: readonly number[]): Promise<void> {
    await this.#postgres.query("DELETE FROM selectors WHERE removed AND id = ANY ($1)", [selectorIds]);
  }

  async count(): Promise<SelectorCounts> {
    const { rows } = await this.#postgres.query<SelectorCounts>(
      `SELECT count(*)::int AS selectors, (count(*) FILTER (WHERE failures > 0))::int AS failing,
              coalesce(sum(days_behind), 0)::int AS behind,
              (SELECT count(*) FROM selector_uses WHERE origin = 'learned')::int AS learned
       FROM selectors WHERE NOT removed AND unused_since IS NULL`,
    );
    return rows[0] ?? { selectors: 0, failing: 0, behind: 0, learned: 0 };
  }
}
