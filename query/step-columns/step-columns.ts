// The rows of events that this process holds: what a funnel reads comes from here, or from a file that a process wrote
// before, and from the store only what is in neither or has changed. A day's number of rows in `rollup_day` is its
// version: events are only added, each exactly once, so a column that holds as many rows of a day holds all of them,
// until somebody was erased. Late events, a restart or an eviction change the speed of an answer, never the answer.
import type { DayCounts } from "../day-counts/count-days.ts";
import type { QueryMetrics } from "../metrics.ts";
import type { QueryRun } from "../store/query-run.ts";
import type { TaskPool } from "../task-pool.ts";
import { instantMsMax } from "../time/instants.ts";
import type { ColumnFiles, NamedColumn } from "./files/column-files.ts";
import { loadColumn, UnreadableFile } from "./load-column.ts";
import { dayMs, type StepList } from "./step-list.ts";
import { bytesOf, compare, fitsList, isFile, type Held, type Plan, type Wanted } from "./wanted-rows.ts";

/** The rows of one event, or of all. */
export interface Column {
  /** Of days that have ended for long, by part of the users. */
  readonly parts: readonly StepList[];
  /** Of the latest days, the same. */
  readonly tail: readonly StepList[];
}

export interface Columns {
  readonly columns: readonly Column[];
  /** From the first one that any of them covers up to the last one. */
  readonly days: number;
  readonly rows: number;
  /** Rows that had to be read from the store. */
  readonly rowsLoaded: number;
}

/** This day and the one before still get most of what arrives: they are read anew more often, and alone. */
const openDays = 2;
/** So many rows may always be read; more of them are not read for an answer from memory alone. */
const rowsAlways = 1_000_000;

/** Reading so many times the rows that were asked for is not worth it. */
const excessMax = 3;

export interface StepColumnsOptions {
  /** Where threads read from. */
  readonly url: string;
  readonly bytesMax: number;
  readonly metrics?: QueryMetrics;
  /** Absent: nothing outlives the process. */
  readonly files?: ColumnFiles;
  readonly togetherMax?: number;
}

export interface ColumnsRange {
  readonly events: readonly (string | null)[];
  readonly fromMs: number;
  readonly endMs: number;
}

export class StepColumns {
  readonly #options: StepColumnsOptions;
  /** By project, event and kind; the least recently used first. */
  readonly #held = new Map<string, Held>();
  readonly #loading = new Map<string, Promise<Held>>();
  /** Of each project that something is held of. */
  readonly #epochs = new Map<number, string>();
  #bytes = 0;

  constructor(options: StepColumnsOptions) {
    this.#options = options;
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
    range: ColumnsRange,
    { residentOnly = false }: { residentOnly?: boolean } = {},
  ): Promise<Columns | undefined> {
    this.#dropEarlier(run);
    let wanted = await this.#wantedOf(run, range, true);
    // What a file holds beside what was asked for may be too much.
    if (!this.#fit(wanted)) wanted = await this.#wantedOf(run, range, false);
    if (!this.#fit(wanted)) return undefined;
    const sum = (read: (each: Wanted) => number): number => wanted.reduce((all, each) => all + read(each), 0);
    const rowsLoaded = sum((each) => each.rowsToLoad);
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
      tail: held[range.events.length + index]?.lists ?? [],
    }));
    const days = daysOf(held.flatMap((each) => each ?? []));
    return { columns, days, rows: sum((each) => each.rows), rowsLoaded };
  }

  /** True when only the latest days, if anything, would have to be read from the store. */
  async holds(run: QueryRun, range: ColumnsRange): Promise<boolean> {
    const wanted = await this.#wantedOf(run, range, true);
    return (
      this.#fit(wanted) &&
      wanted.every(({ kind, stale, rowsToLoad }) =>
        kind === "base" ? stale.length === 0 : rowsToLoad <= rowsAlways,
      )
    );
  }

  /**
   * Reads from the store what no file has yet of the days that have ended, and has it written to one, without taking a
   * place in memory from others. False when there was nothing to do.
   */
  async prepare(run: QueryRun, pool: TaskPool, range: ColumnsRange): Promise<boolean> {
    const { files, bytesMax } = this.#options;
    if (files === undefined) return false;
    const [wanted] = await this.#wantedOf(run, range, true);
    if (wanted === undefined || wanted.days === 0 || !this.#fit([wanted])) return false;
    const column = nameOf(run, wanted.event);
    if (!files.isWorth(column, wanted) || !(await files.hasRoom(bytesOf(wanted)))) return false;
    const held = await this.#loadOnce(run, pool, wanted, true);
    if (this.#bytes + held.bytes <= bytesMax && !this.#held.has(wanted.key)) this.#hold(wanted.key, held);
    await files.settle();
    return true;
  }

  /**
   * Brings what a file has of the column into memory, with the latest days, before anybody asks; in nobody's place. False
   * when there is no file of it, or no room.
   */
  async preload(run: QueryRun, pool: TaskPool, event: string | null): Promise<boolean> {
    this.#dropEarlier(run);
    const file = this.#options.files?.find(nameOf(run, event));
    if (file === undefined) return false;
    const range = { events: [event], fromMs: file.fromMs, endMs: Date.now() };
    for (const wanted of await this.#wantedOf(run, range, true)) {
      const { key, held, stale } = wanted;
      if (this.#held.has(key) || (held === undefined && stale.length === 0)) continue;
      if (!this.#fit([wanted]) || this.#bytes + bytesOf(wanted) > this.#options.bytesMax) return false;
      // All events are many: somebody may ask meanwhile.
      const loaded = await this.#loadOnce(run, pool, wanted, event === null);
      if (!this.#held.has(key)) this.#hold(key, loaded);
    }
    return true;
  }

  #fit(wanted: readonly Wanted[]): boolean {
    return (
      wanted.every(fitsList) && wanted.reduce((sum, each) => sum + bytesOf(each), 0) <= this.#options.bytesMax
    );
  }

  /** Of the days that have ended for long, one entry an event; then the same of the latest. */
  async #wantedOf(run: QueryRun, range: ColumnsRange, withFiles: boolean): Promise<Wanted[]> {
    const todayMs = Math.floor(Date.now() / dayMs) * dayMs;
    const openMs = todayMs - (openDays - 1) * dayMs;
    const fromMs = Math.floor(range.fromMs / dayMs) * dayMs;
    const endMs = Math.ceil(Math.min(range.endMs, instantMsMax + 1) / dayMs) * dayMs;
    const baseEndMs = Math.min(openMs, endMs);
    const bases = range.events.map((event) =>
      this.#plan(run, { event, kind: "base", fromMs, endMs: baseEndMs, withFiles }),
    );
    const tails = range.events.map((event) =>
      this.#plan(run, { event, kind: "tail", fromMs: Math.max(openMs, fromMs), endMs, withFiles }),
    );
    const plans = [...bases, ...tails];
    const counts = await countsOf(run, plans);
    return plans.map((plan) => compare(plan, { fromMs, endMs }, counts.get(plan.event)));
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
    this.#options.metrics?.residentBytes.set(this.#bytes);
  }

  /** What is held already is kept whole: a column covers the days of all questions about it. */
  #plan(
    run: QueryRun,
    asked: Pick<Plan, "event" | "kind" | "fromMs"> & { endMs: number; withFiles: boolean },
  ): Plan {
    const { event, kind, fromMs, endMs } = asked;
    const key = `${run.projectId} ${run.epoch} ${kind} ${JSON.stringify(event)}`;
    if (endMs <= fromMs) return { event, kind, key, fromMs, days: 0, held: undefined };
    const found =
      this.#held.get(key) ??
      (kind === "base" && asked.withFiles ? this.#options.files?.find(nameOf(run, event)) : undefined);
    // A tail that begins before the open days is of yesterday.
    const held = kind === "tail" && found !== undefined && found.fromMs < fromMs ? undefined : found;
    const heldEndMs = held === undefined ? 0 : held.fromMs + held.dayRows.length * dayMs;
    const from = Math.min(fromMs, held?.fromMs ?? fromMs);
    return { event, kind, key, fromMs: from, days: (Math.max(endMs, heldEndMs) - from) / dayMs, held };
  }

  async #holdingOf(run: QueryRun, pool: TaskPool, wanted: Wanted): Promise<Held | undefined> {
    const { key, held, stale } = wanted;
    if (wanted.days === 0 || (held === undefined && stale.length === 0)) return undefined;
    if (wanted.kind === "base") this.#options.files?.note(nameOf(run, wanted.event));
    if (held !== undefined && !isFile(held) && stale.length === 0) {
      this.#options.metrics?.residentColumns.inc({ outcome: "hit" });
      this.#hold(key, held);
      return held;
    }
    this.#options.metrics?.residentColumns.inc({ outcome: outcomeOf(wanted) });
    const loaded = await this.#loadOnce(run, pool, wanted, false);
    this.#hold(key, loaded);
    return loaded;
  }

  /** Whoever wants the same rows meanwhile waits for them too: they are as new as what was counted, or newer. */
  #loadOnce(run: QueryRun, pool: TaskPool, wanted: Wanted, inTurn: boolean): Promise<Held> {
    const { key, fromMs, days, rows, stale } = wanted;
    const loadKey = `${key} ${fromMs} ${days} ${rows} ${stale.join(",")}`;
    let loading = this.#loading.get(loadKey);
    if (loading === undefined) {
      loading = this.#load(run, pool, wanted, inTurn).finally(() => this.#loading.delete(loadKey));
      this.#loading.set(loadKey, loading);
    }
    return loading;
  }

  async #load(run: QueryRun, pool: TaskPool, wanted: Wanted, inTurn: boolean): Promise<Held> {
    const { files, url, metrics, togetherMax } = this.#options;
    const { event, held } = wanted;
    let loaded: Held;
    try {
      loaded = await loadColumn(run, pool, wanted, { url, inTurn, togetherMax });
    } catch (error) {
      if (!(error instanceof UnreadableFile) || !isFile(held)) throw error;
      files?.discard(nameOf(run, event), held, error);
      const stale = Array.from({ length: wanted.days }, (_, day) => day);
      const anew = { ...wanted, held: undefined, stale, rowsToLoad: wanted.rows };
      loaded = await loadColumn(run, pool, anew, { url, inTurn, togetherMax });
    }
    if (wanted.kind === "base") {
      if (isFile(held)) metrics?.columnFileBytes.inc({ direction: "read" }, held.bytes);
      files?.offer(nameOf(run, event), loaded);
    }
    return loaded;
  }

  /** Puts it behind all others and lets the least used go. */
  #hold(key: string, held: Held): void {
    const { bytesMax, metrics } = this.#options;
    this.#bytes += held.bytes - (this.#held.get(key)?.bytes ?? 0);
    this.#held.delete(key);
    this.#held.set(key, held);
    for (const [oldest, each] of this.#held) {
      if (this.#bytes <= bytesMax) break;
      this.#held.delete(oldest);
      this.#bytes -= each.bytes;
      metrics?.residentColumns.inc({ outcome: "evicted" });
    }
    metrics?.residentBytes.set(this.#bytes);
  }
}

/** Those of single events and those of any event lie in tables of their own. */
async function countsOf(run: QueryRun, plans: readonly Plan[]): Promise<DayCounts> {
  const covering = plans.filter(({ days }) => days > 0);
  if (covering.length === 0) return new Map();
  const days = {
    fromDay: Math.min(...covering.map(({ fromMs }) => fromMs)) / dayMs,
    endDay: Math.max(...covering.map((plan) => plan.fromMs / dayMs + plan.days)),
  };
  const names = [...new Set(plans.map(({ event }) => event))];
  const groups = [names.filter((name) => name !== null), names.filter((name) => name === null)];
  const counts = await Promise.all(
    groups.filter(({ length }) => length > 0).map((events) => run.dayCounts({ events, ...days })),
  );
  return new Map(counts.flatMap((each) => [...each]));
}

function daysOf(held: readonly Held[]): number {
  if (held.length === 0) return 0;
  const fromMs = Math.min(...held.map((each) => each.fromMs));
  return (Math.max(...held.map((each) => each.fromMs + each.dayRows.length * dayMs)) - fromMs) / dayMs;
}

function nameOf({ projectId, epoch }: QueryRun, event: string | null): NamedColumn {
  return { projectId, epoch, event };
}

function outcomeOf({ held, stale }: Wanted): "miss" | "stale" | "file" | "stale_file" {
  if (held === undefined) return "miss";
  if (!isFile(held)) return "stale";
  return stale.length === 0 ? "file" : "stale_file";
}
