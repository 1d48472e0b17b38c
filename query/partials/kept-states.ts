// For which number of rows each day of a selector was kept, and under which generation: read from the store once, and
// held while that is what the days still count. A day that counts otherwise sends back to the store.
//
// What is held is never too much: a day that is written anew counts more rows than before, erasures and retention, which
// take rows away, end what was held (`epoch`), and what was replaced stays readable for an hour.
import { rangeSql } from "../events/bucket-sql.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { Expiry } from "../expiry/expiry.ts";
import type { QueryRun } from "../store/query-run.ts";
import { dayMs } from "./kept-days.ts";

export interface DayState {
  readonly generation: number;
  /** Rows of the event on the day that were there when it was computed. */
  readonly rows: number;
}

export interface DayRange {
  /** Since 1970, in UTC. */
  readonly fromDay: number;
  readonly endDay: number;
}

export interface StatesWanted extends DayRange {
  readonly selectorId: number;
  /** Null: of all. */
  readonly event: string | null;
}

/** By event and day; undefined: too many for a statement to name. */
export type DayStates = ReadonlyMap<string, ReadonlyMap<number, DayState>> | undefined;

/** Days of all events together that one statement may name; beyond, rows answer. */
export const keptDaysMax = 20_000;
/** Of everything that is held: about 100 bytes each. */
const heldDaysMax = 300_000;
const heldMsMax = 60_000;
/** A day that is not as it was held is looked for again after this: it may have been computed meanwhile. */
const lookAgainMs = 5_000;
/** What is read begins at a multiple of this. */
const daysAtOnce = 128;

interface Held extends DayRange {
  readonly readMs: number;
  readonly states: DayStates;
  readonly size: number;
}

export class KeptStates {
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  #size = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** `isTrue`: whether they are of the rows that there are; if not, and they are not fresh, they are read again. */
  async read(
    run: QueryRun,
    wanted: StatesWanted,
    isTrue: (states: DayStates) => boolean,
  ): Promise<DayStates> {
    const key = JSON.stringify([run.projectId, run.epoch, wanted.selectorId, wanted.event]);
    const held = this.#held.get(key);
    if (held !== undefined && held.fromDay <= wanted.fromDay && held.endDay >= wanted.endDay) {
      const ageMs = this.#now() - held.readMs;
      if (ageMs < lookAgainMs || (ageMs < heldMsMax && isTrue(held.states))) return held.states;
    }
    const readMs = this.#now();
    const { endDay } = wanted;
    const fromDay = beginningOf(wanted, run.expiry);
    const states = await readStates(run, { ...wanted, fromDay });
    this.#hold(key, { fromDay, endDay, readMs, states, size: sizeOf(states) });
    return states;
  }

  #hold(key: string, held: Held): void {
    this.#drop(key);
    this.#held.set(key, held);
    this.#size += held.size;
    for (const oldest of this.#held.keys()) {
      if (this.#size <= heldDaysMax) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#size -= this.#held.get(key)?.size ?? 0;
    this.#held.delete(key);
  }
}

/**
 * A little before the range, for the next one begins there: few more rows now instead of another statement then. Not of
 * all names, which may be many, and not where counts are gone.
 */
function beginningOf({ event, fromDay }: StatesWanted, { aggregatesFromMs }: Expiry): number {
  if (event === null) return fromDay;
  const firstDay = aggregatesFromMs === undefined ? -Infinity : Math.ceil(aggregatesFromMs / dayMs);
  return Math.min(fromDay, Math.max(Math.floor(fromDay / daysAtOnce) * daysAtOnce, firstDay));
}

/** At least 1, so that entries without days are bounded, too. */
function sizeOf(states: DayStates): number {
  return [...(states?.values() ?? [])].reduce((size, days) => size + days.size, 1);
}

export async function readStates(
  run: QueryRun,
  { selectorId, event, fromDay, endDay }: StatesWanted,
): Promise<DayStates> {
  const parameters = new Parameters();
  const conditions = [
    `selector_id = ${parameters.bind("UInt32", selectorId)}`,
    rangeSql("partial_day", { fromMs: fromDay * dayMs, endMs: endDay * dayMs }, parameters),
    ...(event === null ? [] : [`event = ${parameters.bind("String", event)}`]),
  ];
  const rows = await run.rows(
    { step: "which days were kept", sources: [] },
    {
      sql: [
        "SELECT event, day, max(generation), argMax(rows_seen, generation)",
        fromTable("partial_state", conditions),
        `GROUP BY event, day HAVING argMax(kept, generation) = 1 LIMIT ${keptDaysMax + 1}`,
        "SETTINGS max_threads = 1",
      ].join("\n"),
      parameters: parameters.values,
    },
  );
  if (rows.length > keptDaysMax) return undefined;
  const states = new Map<string, Map<number, DayState>>();
  for (const row of rows) {
    const [name, day, generation, seen] = row as [string, number, number, number];
    const days = states.get(name) ?? new Map<number, DayState>();
    states.set(name, days.set(day, { generation, rows: seen }));
  }
  return states;
}
