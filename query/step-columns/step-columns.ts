// The rows of events that this process holds: what a funnel reads comes from here, and from the store only what is not
// here or has changed. A day's number of rows in `rollup_day` is its version: events are only added, each exactly once,
// so a column that holds as many rows of a day holds all of them, until somebody was erased. Late events, a restart or an eviction change the
// speed of an answer, never the answer.
import { MillraceError } from "#schemas/errors.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import type { QueryMetrics } from "../metrics.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable, rollupTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";
import { retryWhileAway, settingsOf } from "../store/run-statement.ts";
import type { TaskPool } from "../task-pool.ts";
import { instantMsMax } from "../time/instants.ts";
import type { Loaded, LoadedSteps, LoadTask } from "./load-steps.ts";
import { dayMs, noSteps, stepListBytes, type StepList } from "./step-list.ts";

/** Users are cut into parts by their number, so that threads share the work: `partOf` says which. */
export const columnParts = 4;
/** The store keeps users in so many buckets, sorted by them. */
const buckets = 16;
const bucketsOfPart = buckets / columnParts;

export function partOf(user: number): number {
  return Math.floor((user % buckets) / bucketsOfPart);
}

/** The rows of one event, or of all. */
export interface Column {
  /** Of days that have ended for long, by part of the users. */
  readonly parts: readonly StepList[];
  /** Of the latest days, of all users. */
  readonly tail: StepList;
}

export interface Columns {
  readonly columns: readonly Column[];
  readonly rows: number;
  /** Rows that had to be read from the store. */
  readonly rowsLoaded: number;
}

/** What is held of one event: whole days from `fromMs` on. */
interface Held {
  readonly fromMs: number;
  readonly lists: readonly StepList[];
  readonly dayRows: Uint32Array;
  readonly bytes: number;
}

interface Wanted {
  /** Null: of any name. */
  readonly event: string | null;
  readonly key: string;
  readonly parts: number;
  readonly fromMs: number;
  readonly days: number;
  readonly held: Held | undefined;
  /** Days whose rows are not held as they are now, from that of `fromMs`. */
  readonly stale: readonly number[];
  readonly rows: number;
  /** Of the days that were asked for. */
  readonly rowsAsked: number;
  readonly rowsToLoad: number;
}

type Plan = Omit<Wanted, "stale" | "rows" | "rowsAsked" | "rowsToLoad">;

/** Of a row and of its user, about. */
const rowBytes = 12;
/** This day and the one before still get most of what arrives: they are read anew more often, and alone. */
const openDays = 2;
/** Milliseconds that a UInt32 holds, in days. */
const readDaysMax = 49;
/** More stretches of days than this are read as one. */
const stretchesMax = 12;
/** So many rows may always be read; more of them are not read for an answer from memory alone. */
const rowsAlways = 1_000_000;

/** Reading so many times the rows that were asked for is not worth it. */
const excessMax = 3;

const taskFile = new URL("./load-steps.ts", import.meta.url).href;

export class StepColumns {
  readonly #url: string;
  readonly #bytesMax: number;
  readonly #metrics: QueryMetrics | undefined;
  /** By project, event and kind; the least recently used first. */
  readonly #held = new Map<string, Held>();
  readonly #loading = new Map<string, Promise<Held>>();
  /** Of each project that something is held of. */
  readonly #epochs = new Map<number, string>();
  #bytes = 0;

  /** `url`: where threads read from. */
  constructor(options: { url: string; bytesMax: number; metrics?: QueryMetrics }) {
    this.#url = options.url;
    this.#bytesMax = options.bytesMax;
    this.#metrics = options.metrics;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The rows of the events, at least of [fromMs, endMs); undefined when they do not fit. `residentOnly`: undefined also
   * when much would have to be read.
   */
  async read(
    run: QueryRun,
    pool: TaskPool,
    range: { readonly events: readonly (string | null)[]; readonly fromMs: number; readonly endMs: number },
    { residentOnly = false }: { residentOnly?: boolean } = {},
  ): Promise<Columns | undefined> {
    this.#dropEarlier(run);
    const todayMs = Math.floor(Date.now() / dayMs) * dayMs;
    const openMs = todayMs - (openDays - 1) * dayMs;
    const fromMs = Math.floor(range.fromMs / dayMs) * dayMs;
    const endMs = Math.ceil(Math.min(range.endMs, instantMsMax + 1) / dayMs) * dayMs;
    const baseEndMs = Math.min(openMs, endMs);
    const bases = range.events.map((event) => this.#plan(run, event, "base", fromMs, baseEndMs));
    const tails = range.events.map((event) =>
      this.#plan(run, event, "tail", Math.max(openMs, fromMs), endMs),
    );
    const plans = [...bases, ...tails];
    const counts = await this.#countDays(run, range.events, plans);
    const wanted = plans.map((plan) => compare(plan, { fromMs, endMs }, counts.get(plan.event)));
    const sum = (read: (each: Wanted) => number): number => wanted.reduce((all, each) => all + read(each), 0);
    const rowsLoaded = sum((each) => each.rowsToLoad);
    if (sum((each) => each.rows) * rowBytes > this.#bytesMax) return undefined;
    if (rowsLoaded > rowsAlways) {
      // A column has no holes: what lies between two far ranges would be read as well.
      const excess =
        rowsLoaded /
        Math.max(
          1,
          sum((each) => each.rowsAsked),
        );
      if (residentOnly || excess > excessMax) return undefined;
    }
    const held = await Promise.all(wanted.map((each) => this.#holdingOf(run, pool, each)));
    const columns = range.events.map((_, index) => ({
      parts: held[index]?.lists ?? [],
      tail: held[range.events.length + index]?.lists[0] ?? noSteps,
    }));
    return { columns, rows: sum((each) => each.rows), rowsLoaded };
  }

  /** Rows were taken away since: what was held of them is in nobody's way, but it is to be gone. */
  #dropEarlier({ projectId, epoch }: QueryRun): void {
    const before = this.#epochs.get(projectId);
    if (before === epoch) return;
    this.#epochs.set(projectId, epoch);
    if (before === undefined) return;
    for (const [key, held] of this.#held) {
      if (!key.startsWith(`${projectId} `) || key.startsWith(`${projectId} ${epoch} `)) continue;
      this.#held.delete(key);
      this.#bytes -= held.bytes;
    }
    this.#metrics?.residentBytes.set(this.#bytes);
  }

  /** What is held already is kept whole: a column covers the days of all questions about it. */
  #plan(run: QueryRun, event: string | null, kind: "base" | "tail", fromMs: number, endMs: number): Plan {
    const key = `${run.projectId} ${run.epoch} ${kind} ${JSON.stringify(event)}`;
    const parts = kind === "base" ? columnParts : 1;
    const found = this.#held.get(key);
    if (endMs <= fromMs) return { event, key, parts, fromMs, days: 0, held: undefined };
    // A tail that begins before the open days is of yesterday.
    const held = kind === "tail" && found !== undefined && found.fromMs < fromMs ? undefined : found;
    const heldEndMs = held === undefined ? 0 : held.fromMs + held.dayRows.length * dayMs;
    const from = Math.min(fromMs, held?.fromMs ?? fromMs);
    return { event, key, parts, fromMs: from, days: (Math.max(endMs, heldEndMs) - from) / dayMs, held };
  }

  /** Rows of each event on each day; reads some rows of a rollup, not their sets. */
  async #countDays(
    run: QueryRun,
    events: readonly (string | null)[],
    plans: readonly Pick<Wanted, "fromMs" | "days">[],
  ): Promise<Map<string | null, Map<number, number>>> {
    const counts = new Map<string | null, Map<number, number>>();
    const covering = plans.filter(({ days }) => days > 0);
    if (covering.length === 0) return counts;
    const parameters = new Parameters();
    const days = {
      fromMs: Math.min(...covering.map(({ fromMs }) => fromMs)),
      endMs: Math.min(Math.max(...covering.map((each) => each.fromMs + each.days * dayMs)), instantMsMax + 1),
    };
    const range = rangeSql("rollup_day", days, parameters);
    const names = events.filter((event) => event !== null);
    const columns = "toUnixTimestamp64Second(day), sum(events)";
    const ofNames = [range, `event IN ${parameters.bind("Array(String)", names)}`];
    const selects = [
      `SELECT toNullable(event) AS name, ${columns} ${fromTable("rollup_day", ofNames)} GROUP BY event, day`,
      ...(events.includes(null)
        ? [
            `SELECT NULL AS name, ${columns} ${fromTable(rollupTable("rollup_day", null), [range])} GROUP BY day`,
          ]
        : []),
    ];
    const rows = await run.rows(
      { step: "how many events there are each day", sources: [] },
      { sql: selects.join("\nUNION ALL\n"), parameters: parameters.values },
    );
    for (const [event, second, count] of rows as [string | null, number, number][]) {
      const ofEvent = counts.get(event) ?? new Map<number, number>();
      counts.set(event, ofEvent);
      ofEvent.set(second * 1000, count);
    }
    return counts;
  }

  async #holdingOf(run: QueryRun, pool: TaskPool, wanted: Wanted): Promise<Held | undefined> {
    const { key, held, stale } = wanted;
    if (wanted.days === 0) return undefined;
    if (stale.length === 0) {
      if (held === undefined) return undefined;
      this.#metrics?.residentColumns.inc({ outcome: "hit" });
      this.#touch(key, held);
      return held;
    }
    this.#metrics?.residentColumns.inc({ outcome: held === undefined ? "miss" : "stale" });
    // Whoever wants the same rows meanwhile waits for them too: they are as new as what was counted, or newer.
    const loadKey = `${key} ${wanted.fromMs} ${wanted.days} ${wanted.rows} ${stale.join(",")}`;
    let loading = this.#loading.get(loadKey);
    if (loading === undefined) {
      loading = this.#load(run, pool, wanted).finally(() => this.#loading.delete(loadKey));
      this.#loading.set(loadKey, loading);
    }
    const loaded = await loading;
    this.#touch(key, loaded);
    return loaded;
  }

  async #load(run: QueryRun, pool: TaskPool, wanted: Wanted): Promise<Held> {
    const { event, held, stale, fromMs, days, parts } = wanted;
    const settings = await settingsOf(run.store);
    const read = daysToRead(stale);
    const stretches = stretchesOf(fromMs, read);
    const loaded = await Promise.all(
      Array.from({ length: parts }, async (_, part): Promise<LoadedSteps> => {
        const reads = stretches.map((stretch) => {
          const parameters = new Parameters();
          const conditions = [
            ...(event === null ? [] : [`event = ${parameters.bind("String", event)}`]),
            ...(parts === 1
              ? []
              : [`bucket BETWEEN ${part * bucketsOfPart} AND ${(part + 1) * bucketsOfPart - 1}`]),
            rangeSql("steps", stretch, parameters),
          ];
          const at = `toUInt32(toUnixTimestamp64Milli(timestamp) - ${parameters.bind("Int64", stretch.fromMs)}) AS at`;
          const sql = `SELECT user_number, ${at} ${fromTable("steps", conditions)}`;
          return { statement: { sql, parameters: parameters.values }, baseMs: stretch.fromMs };
        });
        const task: LoadTask = {
          url: this.#url,
          settings,
          projectId: run.projectId,
          reads,
          rowsExpected: Math.ceil(wanted.rowsToLoad / parts),
          fromMs,
          days,
          read,
          held: held === undefined ? undefined : { list: held.lists[part] ?? noSteps, fromMs: held.fromMs },
        };
        const steps = await retryWhileAway(run.store, run.signal, async () => {
          const answer = (await pool.run(task, { filename: taskFile, name: "loadSteps" })) as Loaded;
          if ("list" in answer) return answer;
          throw new MillraceError(answer.failed.code, { message: answer.failed.message });
        });
        for (const { statement } of reads) {
          run.record(
            { step: `rows of ${event ?? "all events"}, part ${part + 1}`, sources: ["steps"] },
            statement,
            0,
          );
        }
        return steps;
      }),
    );
    run.rowsRead += wanted.rowsToLoad;
    const dayRows = new Uint32Array(days);
    for (const each of loaded) {
      each.dayRows.forEach((rows, day) => (dayRows[day] = (dayRows[day] as number) + rows));
    }
    const lists = loaded.map(({ list }) => list);
    return { fromMs, lists, dayRows, bytes: lists.reduce((sum, list) => sum + stepListBytes(list), 0) };
  }

  /** Puts it behind all others and lets the least used go. */
  #touch(key: string, held: Held): void {
    this.#bytes += held.bytes - (this.#held.get(key)?.bytes ?? 0);
    this.#held.delete(key);
    this.#held.set(key, held);
    for (const [oldest, each] of this.#held) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#held.delete(oldest);
      this.#bytes -= each.bytes;
      this.#metrics?.residentColumns.inc({ outcome: "evicted" });
    }
    this.#metrics?.residentBytes.set(this.#bytes);
  }
}

/** What of it is not held as it is now. */
function compare(
  plan: Plan,
  asked: { readonly fromMs: number; readonly endMs: number },
  counts: ReadonlyMap<number, number> | undefined,
): Wanted {
  const { fromMs, days, held } = plan;
  const stale: number[] = [];
  let [rows, rowsAsked, rowsToLoad] = [0, 0, 0];
  for (let day = 0; day < days; day += 1) {
    const now = counts?.get(fromMs + day * dayMs) ?? 0;
    const startMs = fromMs + day * dayMs;
    rows += now;
    if (startMs >= asked.fromMs && startMs < asked.endMs) rowsAsked += now;
    const before = held?.dayRows[day - (held.fromMs - fromMs) / dayMs] ?? 0;
    if (now === before) continue;
    stale.push(day);
    rowsToLoad += now;
  }
  return { ...plan, stale, rows, rowsAsked, rowsToLoad };
}

/** The stale days; when they are scattered, those between them as well. */
function daysToRead(stale: readonly number[]): readonly number[] {
  const first = stale[0] as number;
  const last = stale.at(-1) as number;
  const gaps = stale.filter((day, index) => index > 0 && day !== (stale[index - 1] as number) + 1).length;
  if (gaps < stretchesMax) return stale;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Days that follow each other, together, as far as one statement can tell their instants apart. */
function stretchesOf(fromMs: number, days: readonly number[]): { fromMs: number; endMs: number }[] {
  const stretches: { first: number; end: number }[] = [];
  for (const day of days) {
    const current = stretches.at(-1);
    if (current?.end === day && day - current.first < readDaysMax) current.end += 1;
    else stretches.push({ first: day, end: day + 1 });
  }
  return stretches.map(({ first: begin, end }) => ({
    fromMs: fromMs + begin * dayMs,
    endMs: fromMs + end * dayMs,
  }));
}
