// The segments that this process holds: what a funnel reads comes from here, and from the store only what is not here
// or has changed. A day's number of rows in `rollup_day` is its version: events are only added, each exactly once, so a
// segment that holds as many rows of a day holds all of them. Late events, a restart or an eviction change the speed of
// an answer, never the answer.
import { MillraceError } from "#schemas/errors.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import type { QueryMetrics } from "../metrics.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";
import { retryWhileAway, settingsOf } from "../store/run-statement.ts";
import type { TaskPool } from "../task-pool.ts";
import { instantMsMax } from "../time/instants.ts";
import type { Loaded, LoadTask } from "./load-segment.ts";
import { dayMs, segmentBytes, spansOf, staleDays, type Segment, type Span } from "./segment.ts";

/** One for each event, in order of time; empty ones are left out. */
export type Column = readonly Segment[];

export interface Columns {
  readonly columns: readonly Column[];
  /** Rows that had to be read from the store. */
  readonly rowsLoaded: number;
}

/** Bytes of a row; while a segment is made it is held twice. */
const rowBytes = 8;
/** Segments are of whole months: reading so many times the rows that a query needs is not worth it. */
const excessMax = 3;
/** Up to so many rows are read at once without asking how many are needed. */
const rowsAlways = 500_000;
/** More stretches of stale days than this are read as one. */
const stretchesMax = 20;
/** Events that arrive between the count and the reading. */
const rowsMore = 1_000_000;

const taskFile = new URL("./load-segment.ts", import.meta.url).href;

export class StepColumns {
  readonly #url: string;
  readonly #bytesMax: number;
  readonly #metrics: QueryMetrics | undefined;
  /** By project, event and span; the least recently used first. */
  readonly #segments = new Map<string, Segment>();
  readonly #loading = new Map<string, Promise<Segment>>();
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
   * The rows of the events over at least [fromMs, endMs); undefined when they do not fit, or when most of what would
   * have to be read is not asked for. `residentOnly`: undefined also when much would have to be read.
   */
  async read(
    run: QueryRun,
    pool: TaskPool,
    wanted: { readonly events: readonly string[]; readonly fromMs: number; readonly endMs: number },
    { residentOnly = false }: { residentOnly?: boolean } = {},
  ): Promise<Columns | undefined> {
    const spans = spansOf(wanted, Date.now());
    const counts = await this.#countDays(run, wanted.events, spans);
    const parts = wanted.events.flatMap((event) =>
      spans.flatMap((span) => {
        const rowsOfDay = (startMs: number): number => counts.get(event)?.get(startMs) ?? 0;
        const key = `${run.projectId} ${span.fromMs} ${span.endMs} ${event}`;
        const held = this.#segments.get(key);
        const days = staleDays(span, rowsOfDay, held);
        const rowsOf = (each: readonly number[]): number =>
          each.reduce((sum, day) => sum + rowsOfDay(span.fromMs + day * dayMs), 0);
        const all = Array.from({ length: (span.endMs - span.fromMs) / dayMs }, (_, day) => day);
        const rows = rowsOf(all);
        if (rows === 0) return [];
        const isAsked = (day: number): boolean =>
          span.fromMs + (day + 1) * dayMs > wanted.fromMs && span.fromMs + day * dayMs < wanted.endMs;
        const rowsNeeded = rowsOf(all.filter(isAsked));
        if (rowsNeeded === 0) return [];
        return [{ event, span, key, held, days, rows, rowsNeeded, rowsToLoad: rowsOf(days) }];
      }),
    );
    const sum = (read: (part: (typeof parts)[number]) => number): number =>
      parts.reduce((all, part) => all + read(part), 0);
    const rowsToLoad = sum((part) => part.rowsToLoad);
    if (sum((part) => part.rows) * rowBytes > this.#bytesMax) return undefined;
    if (rowsToLoad > rowsAlways) {
      if (residentOnly || rowsToLoad > excessMax * sum((part) => part.rowsNeeded)) return undefined;
    }
    const segments = await Promise.all(
      parts.map(async (part) => {
        const { key, held, days } = part;
        if (held !== undefined && days.length === 0) {
          this.#metrics?.residentSegments.inc({ outcome: "hit" });
          this.#touch(key, held);
          return held;
        }
        this.#metrics?.residentSegments.inc({ outcome: held === undefined ? "miss" : "stale" });
        return this.#load(run, pool, part);
      }),
    );
    return {
      columns: wanted.events.map((event) =>
        segments.filter((segment, index) => parts[index]?.event === event && segment.rows > 0),
      ),
      rowsLoaded: rowsToLoad,
    };
  }

  /** Rows of each event on each day; costs some rows of a rollup, whose sets are not read. */
  async #countDays(
    run: QueryRun,
    events: readonly string[],
    spans: readonly Span[],
  ): Promise<Map<string, Map<number, number>>> {
    const counts = new Map<string, Map<number, number>>();
    const [first] = spans;
    const last = spans.at(-1);
    if (first === undefined || last === undefined) return counts;
    const parameters = new Parameters();
    const days = { fromMs: first.fromMs, endMs: Math.min(last.endMs, instantMsMax + 1) };
    const conditions = [
      rangeSql("rollup_day", days, parameters),
      `event IN ${parameters.bind("Array(String)", events)}`,
    ];
    const rows = await run.rows(
      { step: "how many events there are each day", sources: [] },
      {
        sql: `SELECT event, toUnixTimestamp64Second(day), sum(events) ${fromTable("rollup_day", conditions)} GROUP BY event, day`,
        parameters: parameters.values,
      },
    );
    for (const [event, second, count] of rows as [string, number, number][]) {
      const ofEvent = counts.get(event) ?? new Map<number, number>();
      counts.set(event, ofEvent);
      ofEvent.set(second * 1000, count);
    }
    return counts;
  }

  /** Whoever wants the same meanwhile waits for it too: it is then as new as what they counted, or newer. */
  async #load(
    run: QueryRun,
    pool: TaskPool,
    part: {
      readonly event: string;
      readonly span: Span;
      readonly key: string;
      readonly held: Segment | undefined;
      readonly days: readonly number[];
      readonly rowsToLoad: number;
    },
  ): Promise<Segment> {
    const { key } = part;
    const loadKey = `${key} ${part.rowsToLoad} ${part.days.join(",")}`;
    let loading = this.#loading.get(loadKey);
    if (loading === undefined) {
      loading = this.#loadNow(run, pool, part).finally(() => this.#loading.delete(loadKey));
      this.#loading.set(loadKey, loading);
    }
    const segment = await loading;
    this.#touch(key, segment);
    return segment;
  }

  async #loadNow(
    run: QueryRun,
    pool: TaskPool,
    {
      event,
      span,
      held,
      days,
      rowsToLoad,
    }: {
      readonly event: string;
      readonly span: Span;
      readonly held: Segment | undefined;
      readonly days: readonly number[];
      readonly rowsToLoad: number;
    },
  ): Promise<Segment> {
    const stretches = stretchesOf(span, days);
    const read = stretches.length > stretchesMax ? [span] : stretches;
    const parameters = new Parameters();
    const at = `toUInt32(toUnixTimestamp64Milli(timestamp) - ${parameters.bind("Int64", span.fromMs)}) AS at`;
    const ranges = read.map((stretch) => `(${rangeSql("steps", stretch, parameters)})`);
    const conditions = [`event = ${parameters.bind("String", event)}`, ranges.join(" OR ")];
    const statement = {
      sql: `SELECT user_number, ${at} ${fromTable("steps", conditions)}`,
      parameters: parameters.values,
    };
    const whole = read[0] === span;
    const task: LoadTask = {
      ...span,
      url: this.#url,
      statement,
      settings: await settingsOf(run.store),
      projectId: run.projectId,
      rowsExpected: rowsToLoad,
      rowsMax: (whole ? Math.max(rowsToLoad, held?.rows ?? 0) : rowsToLoad) * 2 + rowsMore,
      days: whole ? Array.from({ length: (span.endMs - span.fromMs) / dayMs }, (_, day) => day) : days,
      held,
    };
    const segment = await retryWhileAway(run.store, run.signal, async () => {
      const loaded = (await pool.run(task, { filename: taskFile, name: "loadSegment" })) as Loaded;
      if ("segment" in loaded) return loaded.segment;
      throw new MillraceError(loaded.failed.code, { message: loaded.failed.message });
    });
    run.record({ step: `events ${event}`, sources: ["steps"] }, statement, rowsToLoad);
    return segment;
  }

  /** Puts it behind all others and lets the least used go. */
  #touch(key: string, segment: Segment): void {
    const before = this.#segments.get(key);
    if (before !== undefined) this.#bytes -= segmentBytes(before);
    this.#segments.delete(key);
    this.#segments.set(key, segment);
    this.#bytes += segmentBytes(segment);
    for (const [oldest, each] of this.#segments) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#segments.delete(oldest);
      this.#bytes -= segmentBytes(each);
      this.#metrics?.residentSegments.inc({ outcome: "evicted" });
    }
    this.#metrics?.residentBytes.set(this.#bytes);
  }
}

/** Days that follow each other, together. */
function stretchesOf(span: Span, days: readonly number[]): Span[] {
  const stretches: { fromMs: number; endMs: number }[] = [];
  for (const day of days) {
    const fromMs = span.fromMs + day * dayMs;
    const last = stretches.at(-1);
    if (last?.endMs === fromMs) last.endMs += dayMs;
    else stretches.push({ fromMs, endMs: fromMs + dayMs });
  }
  return stretches;
}
