// What is kept of the events that a query looks at: its project's selectors, and which of their days are valid now.
// A day is while its rollup counts as many rows as were seen when it was computed: events are only ever added.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { demandLimits, learnedOrigin } from "#schemas/selectors/demand.ts";
import { canonicalFilter, selectorLimits, type SelectorDefinition } from "#schemas/selectors/selector.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";
import { findCover, type Cover, type RegisteredSelector, type Wanted } from "./find-cover.ts";
import { dayMs, KeptDays, type KeptDay } from "./kept-days.ts";

export interface Partials {
  /** What is kept for these events, at least one day of it; undefined: rows have to answer. */
  find(wanted: Wanted): KeptDays | undefined;
  /** What no selector is there for, though one could be. */
  readonly missing: readonly Wanted[];
  /** Learned selectors that answer. */
  readonly learned: readonly { readonly hash: string; readonly definition: SelectorDefinition }[];
}

const noPartials: Partials = { find: () => undefined, missing: [], learned: [] };

/** Days of all events together that one statement may name; beyond, rows answer. */
const keptDaysMax = 20_000;

interface KnownSelector extends RegisteredSelector {
  readonly hash: string;
  /** Some days of it. */
  readonly kept: boolean;
  /** More days are to be computed. */
  readonly coming: boolean;
  readonly learned: boolean;
}

interface CoveredEvents {
  readonly key: string;
  readonly cover: Cover;
  readonly event: string | null;
}

/** `range`: all that the query looks at. Asks no store when nothing is wanted. */
export async function loadPartials(
  run: QueryRun,
  postgres: Postgres,
  wanted: readonly Wanted[],
  range: { readonly fromMs: number; readonly endMs: number },
): Promise<Partials> {
  const worth = wanted.filter(isWorthCovering);
  // What is kept is of everybody.
  if (worth.length === 0 || run.people.sample !== undefined) return noPartials;
  const { rows } = await postgres.query<KnownSelector>(
    `SELECT id, hash, definition, days_kept > 0 AS kept, looked_at IS NULL OR days_behind > 0 AS coming,
            EXISTS (SELECT FROM selector_uses WHERE selector_id = id AND origin = $3) AS learned
     FROM selectors
     WHERE project_id = $1 AND NOT removed AND EXISTS (SELECT FROM selector_uses WHERE selector_id = id)
     ORDER BY id LIMIT $2`,
    [run.projectId, selectorLimits.selectorsMax + demandLimits.learnedMax, learnedOrigin],
  );
  const usable = rows.filter(({ kept }) => kept);
  const coming = rows.filter((row) => row.coming && !row.kept);
  const covered = new Map<string, CoveredEvents>();
  const missing: Wanted[] = [];
  for (const each of worth) {
    const cover = findCover(each, usable);
    if (cover !== undefined) covered.set(keyOf(each), { key: keyOf(each), cover, event: each.event });
    else if (findCover(each, coming) === undefined) missing.push(each);
  }
  if (covered.size === 0) return { ...noPartials, missing };
  const kept = await readKept(run, [...covered.values()], range);
  const used = new Set([...kept.values()].map(({ cover }) => cover.selectorId));
  return {
    find: (each) => (isWorthCovering(each) ? kept.get(keyOf(each)) : undefined),
    missing,
    learned: rows.filter(({ id, learned }) => learned && used.has(id)),
  };
}

/** Rollups and steps answer the others. */
function isWorthCovering({ filters, breakdown, number }: Wanted): boolean {
  return filters.length > 0 || breakdown !== undefined || number !== undefined;
}

function keyOf({ event, filters, breakdown, number, users }: Wanted): string {
  return JSON.stringify([
    event,
    filters.map(canonicalFilter).sort(),
    breakdown ?? null,
    number ?? null,
    users,
  ]);
}

async function readKept(
  run: QueryRun,
  covered: readonly CoveredEvents[],
  range: { readonly fromMs: number; readonly endMs: number },
): Promise<Map<string, KeptDays>> {
  const parameters = new Parameters();
  // The day that is not over is read from rows: it changes with every event.
  const endDay = Math.floor(Date.now() / dayMs);
  const days = {
    fromMs: Math.floor(Math.max(range.fromMs, instantMsMin) / dayMs) * dayMs,
    endMs: Math.min(Math.ceil(range.endMs / dayMs) * dayMs, endDay * dayMs, instantMsMax + 1),
  };
  const kept = new Map<string, KeptDays>();
  if (days.fromMs >= days.endMs) return kept;
  const parts = covered.map((each, index) => daysSql(each, index, days, parameters));
  const rows = await run.rows(
    { step: "which days are kept", sources: [] },
    { sql: parts.join("\nUNION ALL\n"), parameters: parameters.values },
  );
  covered.forEach(({ key, cover, event }, index) => {
    const valid: KeptDay[] = [];
    const missing = new Set<number>();
    for (const row of rows) {
      const [at, name, ok, generations, others] = row as [number, string, number[], number[], number[]];
      if (at !== index) continue;
      ok.forEach((day, place) => valid.push({ event: name, day, generation: generations[place] as number }));
      for (const day of others) missing.add(day);
    }
    const found = new KeptDays({ cover, event, days: valid, missing, fromDay: days.fromMs / dayMs, endDay });
    if (found.any && valid.length <= keptDaysMax) kept.set(key, found);
  });
  return kept;
}

/** Columns: position, event, its valid days and their generations, days whose rows have to be read. */
function daysSql(
  { cover, event }: CoveredEvents,
  index: number,
  days: { readonly fromMs: number; readonly endMs: number },
  parameters: Parameters,
): string {
  const ofEvent = event === null ? [] : [`event = ${parameters.bind("String", event)}`];
  const counts = fromTable("rollup_day", [rangeSql("rollup_day", days, parameters), ...ofEvent]);
  const states = fromTable("partial_state", [
    `selector_id = ${parameters.bind("UInt32", cover.selectorId)}`,
    rangeSql("partial_day", days, parameters),
    ...ofEvent,
  ]);
  return [
    `SELECT toUInt32(${index}) AS position, event, groupArrayIf(day_number, valid) AS days,`,
    "groupArrayIf(written, valid) AS generations, groupArrayIf(day_number, NOT valid) AS missing",
    "FROM (SELECT event, day_number, max(day_generation) AS written, sum(now) = sum(seen) AND max(is_kept) = 1 AS valid FROM (",
    `SELECT event, toInt32(intDiv(toUnixTimestamp64Second(day), 86400)) AS day_number, sum(events) AS now, toUInt64(0) AS seen, toUInt64(0) AS day_generation, toUInt8(0) AS is_kept ${counts} GROUP BY event, day_number`,
    "UNION ALL",
    `SELECT event, day AS day_number, toUInt64(0) AS now, argMax(rows_seen, generation) AS seen, max(generation) AS day_generation, argMax(kept, generation) AS is_kept ${states} GROUP BY event, day_number`,
    ") GROUP BY event, day_number) GROUP BY event",
  ].join("\n");
}
