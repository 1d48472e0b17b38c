// What a question needs of a column, beside what is held of it: a day's number of rows is its version. Pure.
import { bytesOfRow, bytesOfUser, dayMs, listDaysMax, type StepList } from "./step-list.ts";
import type { ColumnFile } from "./files/column-file.ts";

/** What is held of one event in memory: whole days from `fromMs` on. */
export interface Held {
  readonly fromMs: number;
  /** One for each part of the users. */
  readonly lists: readonly StepList[];
  readonly dayRows: Uint32Array;
  readonly bytes: number;
}

/** Days of a column that a question covers, and what there is of it. */
export interface Plan {
  /** Null: of any name. */
  readonly event: string | null;
  readonly kind: "base" | "tail";
  readonly key: string;
  readonly fromMs: number;
  readonly days: number;
  readonly held: Held | ColumnFile | undefined;
}

export interface Wanted extends Plan {
  /** As the store has them now, from that of `fromMs`. */
  readonly dayRows: Uint32Array;
  /** Days whose rows are not held as they are now, from that of `fromMs`. */
  readonly stale: readonly number[];
  readonly rows: number;
  /** Of the days that were asked for. */
  readonly rowsAsked: number;
  readonly rowsToLoad: number;
}

/** More stretches of days than this are read as one. */
const stretchesMax = 12;
/** Milliseconds that a UInt32 holds, in days. */
const readDaysMax = 49;
/** Rows of a user, where nobody knows: what generated and real data have at least. */
const rowsOfUserAssumed = 4;

export function isFile(held: Held | ColumnFile | undefined): held is ColumnFile {
  return held !== undefined && "path" in held;
}

/** What of it is not held as it is now; `counts`: rows by day since 1970. */
export function compare(
  plan: Plan,
  asked: { readonly fromMs: number; readonly endMs: number },
  counts: ReadonlyMap<number, number> | undefined,
): Wanted {
  const { fromMs, days, held } = plan;
  const dayRows = new Uint32Array(days);
  const stale: number[] = [];
  let [rows, rowsAsked, rowsToLoad] = [0, 0, 0];
  for (let day = 0; day < days; day += 1) {
    const now = counts?.get(fromMs / dayMs + day) ?? 0;
    const startMs = fromMs + day * dayMs;
    dayRows[day] = now;
    rows += now;
    if (startMs >= asked.fromMs && startMs < asked.endMs) rowsAsked += now;
    const before = held?.dayRows[day - (held.fromMs - fromMs) / dayMs] ?? 0;
    if (now === before) continue;
    stale.push(day);
    rowsToLoad += now;
  }
  return { ...plan, dayRows, stale, rows, rowsAsked, rowsToLoad };
}

/** Where nothing is read from the store, days without rows before the first one that is held would only move all instants. */
export function asHeld(wanted: Wanted): Wanted {
  const { held, stale } = wanted;
  if (held === undefined || stale.length > 0) return wanted;
  return { ...wanted, fromMs: held.fromMs, days: held.dayRows.length, dayRows: held.dayRows };
}

/** Of the column once it is in memory: exactly where all of it is held, else about. */
export function bytesOf({ held, stale, rows, rowsToLoad }: Wanted): number {
  if (held !== undefined && stale.length === 0) return held.bytes;
  const users = rowsToLoad / rowsOfUserAssumed;
  return rows * bytesOfRow + users * bytesOfUser + (held === undefined ? 0 : usersBytes(held));
}

function usersBytes(held: Held | ColumnFile): number {
  const rows = held.dayRows.reduce((sum, count) => sum + count, 0);
  return held.bytes - rows * bytesOfRow;
}

export function fitsList({ days }: Pick<Plan, "days">): boolean {
  return days <= listDaysMax;
}

/** The stale days; when they are scattered, those between them as well. */
export function daysToRead(stale: readonly number[]): readonly number[] {
  const first = stale[0];
  const last = stale.at(-1);
  if (first === undefined || last === undefined) return [];
  const gaps = stale.filter((day, index) => index > 0 && day !== (stale[index - 1] as number) + 1).length;
  if (gaps < stretchesMax) return stale;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Days that follow each other, together, as far as one statement can tell their instants apart. */
export function stretchesOf(fromMs: number, days: readonly number[]): { fromMs: number; endMs: number }[] {
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
