// A segment: who did one event when, within one stretch of whole UTC days, sorted by person and time, in memory that
// all threads share. 8 bytes a row. Pure: which segments cover a range, and whether one still holds what the store does.

export const dayMs = 86_400_000;

export interface Span {
  /** UTC midnight. */
  readonly fromMs: number;
  readonly endMs: number;
}

export interface Segment extends Span {
  readonly rows: number;
  /** User numbers, ascending; rows of one user by time. */
  readonly users: Uint32Array;
  /** Milliseconds after `fromMs`. */
  readonly times: Uint32Array;
  /** Rows of each day. */
  readonly dayRows: Uint32Array;
}

export function segmentBytes({ users, times }: Pick<Segment, "users" | "times">): number {
  return users.byteLength + times.byteLength;
}

/** Days before this one get no rows but late ones, so a month's days up to it are one segment. */
const openDays = 1;

/**
 * The spans of the segments that cover [fromMs, endMs), in order of time. Calendar months; of the month in which
 * `nowMs` lies, the days that have ended for long, and then each day by itself: a day that fills is read often, and
 * alone.
 */
export function spansOf(range: { readonly fromMs: number; readonly endMs: number }, nowMs: number): Span[] {
  const openMs = (Math.floor(nowMs / dayMs) - openDays) * dayMs;
  const spans: Span[] = [];
  let fromMs = Math.floor(range.fromMs / dayMs) * dayMs;
  while (fromMs < range.endMs) {
    const date = new Date(fromMs);
    const monthMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
    const nextMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    if (fromMs >= openMs) spans.push({ fromMs, endMs: fromMs + dayMs });
    else spans.push({ fromMs: monthMs, endMs: Math.min(nextMs, openMs) });
    fromMs = (spans.at(-1) as Span).endMs;
  }
  return spans;
}

/** Days of the span whose number of rows differs from what the segment holds of them; all without a segment. */
export function staleDays(
  span: Span,
  rowsOfDay: (dayStartMs: number) => number,
  segment: Segment | undefined,
): number[] {
  const days: number[] = [];
  for (let day = 0, at = span.fromMs; at < span.endMs; day += 1, at += dayMs) {
    if ((segment?.dayRows[day] ?? 0) !== rowsOfDay(at)) days.push(day);
  }
  return days;
}
