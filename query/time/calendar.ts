// Floor and successor of an interval on the local clock. A local time is written as if it were UTC: epoch
// milliseconds whose UTC fields are the local fields. Pure integer arithmetic, proleptic Gregorian calendar.

export type Interval = "minute" | "hour" | "day" | "week" | "month";
export type WeekStart = "monday" | "sunday";

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;
const weekMs = 7 * dayMs;

/** Days from the start of a week to 1970-01-01, a Thursday. */
const weekShiftDays = { monday: 3, sunday: 4 } as const;

function floorTo(localMs: number, stepMs: number): number {
  return Math.floor(localMs / stepMs) * stepMs;
}

/** Start of the local interval that holds `localMs`. */
export function floorLocal(localMs: number, interval: Interval, weekStart: WeekStart): number {
  switch (interval) {
    case "minute":
      return floorTo(localMs, minuteMs);
    case "hour":
      return floorTo(localMs, hourMs);
    case "day":
      return floorTo(localMs, dayMs);
    case "week": {
      const shift = weekShiftDays[weekStart] * dayMs;
      return floorTo(localMs + shift, weekMs) - shift;
    }
    case "month": {
      const date = new Date(localMs);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
    }
  }
}

/** Start of the interval after the one that starts at `localStartMs`. */
export function nextLocal(localStartMs: number, interval: Interval): number {
  switch (interval) {
    case "minute":
      return localStartMs + minuteMs;
    case "hour":
      return localStartMs + hourMs;
    case "day":
      return localStartMs + dayMs;
    case "week":
      return localStartMs + weekMs;
    case "month": {
      const date = new Date(localStartMs);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    }
  }
}

/** The longest that an interval can be, also across a change of the clock by a day. */
export function intervalMsMax(interval: Interval): number {
  return { minute: 2 * dayMs, hour: 2 * dayMs, day: 3 * dayMs, week: 9 * dayMs, month: 33 * dayMs }[interval];
}

/** Shorter than any interval of its kind except where the clock jumps: bounds a bucket count from below. */
export function intervalMsTypical(interval: Interval): number {
  return { minute: minuteMs, hour: hourMs, day: dayMs, week: weekMs, month: 31 * dayMs }[interval];
}
