// Times of a query as instants: with a zone, without one (then in the query's zone), a date alone (a whole day
// there), or epoch milliseconds.
import { Temporal } from "@js-temporal/polyfill";

/** What the stores can hold; queries outside are refused rather than answered wrongly. */
export const instantMsMin = Date.UTC(1900, 0, 1);
export const instantMsMax = Date.UTC(2300, 0, 1) - 1;

const dateOnly = /^\d{4}-\d{2}-\d{2}$/;
const zoned = /(?:[zZ]|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)$/;
const dateTime = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}(?::?\d{2}){0,2}(?:[.,]\d{1,9})?(?:[zZ]|[+-][\d:]+)?$/;

/**
 * The first instant (`edge` "from") or the last instant, to the millisecond, (`edge` "to") that `text` names in
 * `zone`; undefined when it is not a time.
 */
export function parseInstant(text: string | number, zone: string, edge: "from" | "to"): number | undefined {
  if (typeof text === "number") return Number.isFinite(text) ? Math.trunc(text) : undefined;
  try {
    if (dateOnly.test(text)) {
      const date = Temporal.PlainDate.from(text);
      if (edge === "from") return date.toZonedDateTime(zone).epochMilliseconds;
      return date.add({ days: 1 }).toZonedDateTime(zone).epochMilliseconds - 1;
    }
    if (!dateTime.test(text)) return undefined;
    if (zoned.test(text.slice(10))) return Temporal.Instant.from(text).epochMilliseconds;
    return Temporal.PlainDateTime.from(text).toZonedDateTime(zone).epochMilliseconds;
  } catch {
    return undefined;
  }
}

/** The local midnight that begins the day `days` days before the one that holds `instantMs`. */
export function startOfDayBefore(instantMs: number, zone: string, days: number): number {
  const date = Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(zone).toPlainDate();
  return date.subtract({ days }).toZonedDateTime(zone).epochMilliseconds;
}
