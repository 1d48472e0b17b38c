// What is kept of the events that a query looks at: its project's selectors, and which of their days are valid now.
// A day is while its rollup counts as many rows as were seen when it was computed: events are only ever added.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { demandLimits, learnedOrigin } from "#schemas/selectors/demand.ts";
import { canonicalFilter, selectorLimits, type SelectorDefinition } from "#schemas/selectors/selector.ts";
import {
  everyNameStatement,
  readEveryName,
  type DayCounts,
  type DayScope,
} from "../day-counts/count-days.ts";
import type { QueryRun } from "../store/query-run.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";
import { findCover, type Cover, type RegisteredSelector, type Wanted } from "./find-cover.ts";
import { dayMs, KeptDays, type KeptDay } from "./kept-days.ts";
import { readStates, type DayStates, type KeptStates } from "./kept-states.ts";

export interface Partials {
  /** What is kept for these events, at least one day of it; undefined: rows have to answer. */
  find(wanted: Wanted): KeptDays | undefined;
  /** What no selector is there for, though one could be. */
  readonly missing: readonly Wanted[];
  /** Learned selectors that answer. */
  readonly learned: readonly { readonly hash: string; readonly definition: SelectorDefinition }[];
}

const noPartials: Partials = { find: () => undefined, missing: [], learned: [] };

const lastDay = Math.floor(instantMsMax / dayMs);

interface KnownSelector extends RegisteredSelector {
  readonly hash: string;
  /** Some days of it. */
  readonly kept: boolean;
  /** More days are to be computed. */
  readonly coming: boolean;
  readonly learned: boolean;
  /** The project's rows are being removed: what was read of them before may be of more. */
  readonly erasing: boolean;
}

interface CoveredEvents {
  readonly key: string;
  readonly cover: Cover;
  readonly event: string | null;
}

/** `range`: all that the query looks at. Asks no store when nothing is wanted. */
export async function loadPartials(
  run: QueryRun,
  { postgres, keptStates }: { readonly postgres: Postgres; readonly keptStates: KeptStates },
  wanted: readonly Wanted[],
  range: { readonly fromMs: number; readonly endMs: number },
): Promise<Partials> {
  const worth = wanted.filter(isWorthCovering);
  // What is kept is of everybody.
  if (worth.length === 0 || run.people.sample !== undefined) return noPartials;
  const { rows } = await postgres.query<KnownSelector>(
    `SELECT id, hash, definition, days_kept > 0 AS kept, looked_at IS NULL OR days_behind > 0 AS coming,
            EXISTS (SELECT FROM selector_uses WHERE selector_id = id AND origin = $3) AS learned,
            EXISTS (SELECT FROM erasures WHERE project_id = $1 AND state <> 'done') AS erasing
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
  const held = rows.some(({ erasing }) => erasing) ? undefined : keptStates;
  const kept = await readKept(run, held, [...covered.values()], range);
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
  held: KeptStates | undefined,
  covered: readonly CoveredEvents[],
  range: { readonly fromMs: number; readonly endMs: number },
): Promise<Map<string, KeptDays>> {
  const days = {
    fromDay: Math.floor(Math.max(range.fromMs, instantMsMin) / dayMs),
    // The day that is not over is read from rows: it changes with every event.
    endDay: Math.min(Math.ceil(range.endMs / dayMs), Math.floor(Date.now() / dayMs), lastDay + 1),
  };
  const kept = new Map<string, KeptDays>();
  if (days.fromDay >= days.endDay) return kept;
  const counts = await countDays(run, covered, days);
  for (const { key, cover, event } of covered) {
    const counted =
      event === null ? counts : new Map([[event, counts.get(event) ?? new Map<number, number>()]]);
    const asked = { selectorId: cover.selectorId, event, ...days };
    const isTrue = (states: DayStates): boolean => compare(counted, states).missing.size === 0;
    const states = await (held === undefined ? readStates(run, asked) : held.read(run, asked, isTrue));
    const found = new KeptDays({ cover, event, ...compare(counted, states), ...days });
    if (found.any) kept.set(key, found);
  }
  return kept;
}

/** Days that are what they were when they were computed, and those whose rows have to be read. */
function compare(counts: DayCounts, states: DayStates): { days: KeptDay[]; missing: Set<number> } {
  const days: KeptDay[] = [];
  const missing = new Set<number>();
  for (const [event, ofEvent] of counts) {
    if (event === null) continue;
    const kept = states?.get(event);
    for (const [day, rows] of ofEvent) {
      const state = kept?.get(day);
      if (state?.rows === rows) days.push({ event, day, generation: state.generation });
      else missing.add(day);
    }
  }
  return { days, missing };
}

/** Names apart, also where any is asked for: each is kept by itself. */
async function countDays(
  run: QueryRun,
  covered: readonly CoveredEvents[],
  days: Pick<DayScope, "fromDay" | "endDay">,
): Promise<DayCounts> {
  const names = [...new Set(covered.map(({ event }) => event))];
  if (!names.includes(null)) return run.dayCounts({ events: names, ...days });
  return readEveryName(
    await run.rows({ step: "how many events there are each day", sources: [] }, everyNameStatement(days)),
  );
}
