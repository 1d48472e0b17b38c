// The period before a range, of equal length on the calendar: whole months before whole months (when months are
// asked for), as many local days before whole local days, the same elapsed time otherwise.
import { Temporal } from "@js-temporal/polyfill";
import type { Interval } from "./calendar.ts";

interface Range {
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
}

export function previousPeriod(range: Range, zone: string, interval: Interval): Range {
  const from = Temporal.Instant.fromEpochMilliseconds(range.fromMs).toZonedDateTimeISO(zone);
  const end = Temporal.Instant.fromEpochMilliseconds(range.endMs).toZonedDateTimeISO(zone);
  const isMidnight = (at: Temporal.ZonedDateTime): boolean =>
    at.toPlainDate().toZonedDateTime(zone).epochMilliseconds === at.epochMilliseconds;
  if (isMidnight(from) && isMidnight(end)) {
    const fromDate = from.toPlainDate();
    const endDate = end.toPlainDate();
    const unit = interval === "month" && fromDate.day === 1 && endDate.day === 1 ? "months" : "days";
    const length = fromDate.until(endDate, { largestUnit: unit });
    return {
      fromMs: fromDate.subtract(length).toZonedDateTime(zone).epochMilliseconds,
      endMs: range.fromMs,
    };
  }
  return { fromMs: range.fromMs - (range.endMs - range.fromMs), endMs: range.fromMs };
}
