// Who wants which selectors kept. Several may want the same one; it is kept while anybody does.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { learnedOrigin } from "#schemas/selectors/demand.ts";
import { hashSelector, selectorLimits, type SelectorDefinition } from "#schemas/selectors/selector.ts";

export interface WantedSelector {
  readonly definition: SelectorDefinition;
  /** A day with more values need not be kept. */
  readonly valuesMax: number;
  /** How much earlier it is computed than others that are due, at first and in turn. */
  readonly headStartSeconds?: number;
}

/** Of what somebody asked for. */
const headStartSecondsDefault = 60;

/**
 * From now on `origin` wants exactly these; none: it wants nothing any more. One statement, so it may be a part of
 * the caller's transaction. Answers how many are kept: beyond `selectorsMax` of a project, of which those that were only
 * learned do not count, new ones are not, and what they would answer is answered from rows.
 */
export async function registerSelectors(
  postgres: Pick<Postgres, "query">,
  projectId: number,
  origin: string,
  wanted: readonly (SelectorDefinition | WantedSelector)[],
): Promise<{ kept: number }> {
  const byHash = new Map(
    wanted
      .map((each): WantedSelector =>
        "definition" in each ? each : { definition: each, valuesMax: selectorLimits.valuesMax },
      )
      .map((each) => [hashSelector(each.definition), each]),
  );
  const { rows } = await postgres.query<{ kept: number }>(
    `WITH given AS (
       SELECT hash, definition::json AS definition, values_max, head_start, ordinality
       FROM unnest($3::text[], $4::text[], $6::int[], $7::real[]) WITH ORDINALITY
         AS given (hash, definition, values_max, head_start, ordinality)),
     known AS (
       SELECT hash, EXISTS (SELECT FROM selector_uses WHERE selector_id = id AND origin = '${learnedOrigin}')
              AND NOT EXISTS (SELECT FROM selector_uses WHERE selector_id = id AND origin <> '${learnedOrigin}') AS only_learned
       FROM selectors WHERE project_id = $1 AND NOT removed),
     room AS (
       SELECT hash FROM given WHERE hash IN (SELECT hash FROM known)
       UNION ALL
       (SELECT hash FROM given WHERE hash NOT IN (SELECT hash FROM known) ORDER BY ordinality
        LIMIT greatest(0, $5 - (SELECT count(*) FROM known WHERE NOT only_learned)))),
     wanted AS (
       INSERT INTO selectors (project_id, hash, definition, head_start_seconds)
       SELECT $1, hash, definition, head_start FROM given WHERE hash IN (SELECT hash FROM room) ORDER BY hash
       ON CONFLICT (project_id, hash) WHERE NOT removed DO UPDATE
         SET unused_since = NULL, head_start_seconds = greatest(selectors.head_start_seconds, excluded.head_start_seconds)
       RETURNING id, hash),
     dropped AS (
       DELETE FROM selector_uses USING selectors
       WHERE selectors.id = selector_id AND project_id = $1 AND origin = $2 AND hash <> ALL ($3)
       RETURNING selector_id),
     orphaned AS (
       UPDATE selectors SET unused_since = now()
       WHERE id IN (SELECT selector_id FROM dropped)
         AND NOT EXISTS (SELECT FROM selector_uses WHERE selector_id = selectors.id AND origin <> $2)),
     used AS (
       INSERT INTO selector_uses (selector_id, origin, values_max) SELECT id, $2, values_max FROM wanted JOIN given USING (hash)
       ON CONFLICT (selector_id, origin) DO UPDATE SET values_max = excluded.values_max)
     SELECT count(*)::int AS kept FROM wanted`,
    [
      projectId,
      origin,
      [...byHash.keys()],
      [...byHash.values()].map(({ definition }) => JSON.stringify(definition)),
      selectorLimits.selectorsMax,
      [...byHash.values()].map(({ valuesMax }) => valuesMax),
      [...byHash.values()].map((each) => each.headStartSeconds ?? headStartSecondsDefault),
    ],
  );
  return { kept: rows[0]?.kept ?? 0 };
}
