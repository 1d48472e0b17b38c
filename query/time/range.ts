// The time range of a query: `from` and `to` as instants in the query's zone, with defaults.
import { invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import { instantMsMax, instantMsMin, parseInstant, startOfDayBefore } from "./instants.ts";
import { isTimeZone } from "./zone-segments.ts";

export interface Range {
  readonly fromMs: number;
  /** First instant after the range: `to` is inclusive to the millisecond. */
  readonly endMs: number;
  readonly zone: string;
}

/** Without `from`: today and the 29 days before it, or before the day of `to`. Without `to`: up to now. */
const defaultDays = 29;

interface RangeFields {
  from?: string | number;
  to?: string | number;
  timezone?: string;
}

/** The edges as given; `endMs` is the first instant after `to`. Throws INVALID_QUERY that names the wrong fields. */
export function readEdges(query: RangeFields): {
  zone: string;
  fromMs: number | undefined;
  endMs: number | undefined;
} {
  const zone = query.timezone ?? "UTC";
  if (!isTimeZone(zone)) throw invalidQuery([{ path: "timezone", message: "is not an IANA time zone" }]);
  const problems: FieldProblem[] = [];
  const read = (edge: "from" | "to"): number | undefined => {
    const given = query[edge];
    if (given === undefined) return undefined;
    const instant = parseInstant(given, zone, edge);
    if (instant === undefined) {
      problems.push({ path: edge, message: "must be an ISO 8601 time, a date, or epoch milliseconds" });
    } else if (instant < instantMsMin || instant > instantMsMax) {
      problems.push({ path: edge, message: "must lie in the years 1900 to 2299" });
    }
    return instant;
  };
  const fromMs = read("from");
  const to = read("to");
  if (problems.length > 0) throw invalidQuery(problems);
  if (fromMs !== undefined && to !== undefined && fromMs > to) {
    throw invalidQuery([{ path: "from", message: "must not be later than `to`" }]);
  }
  return { zone, fromMs, endMs: to === undefined ? undefined : to + 1 };
}

/** Throws INVALID_QUERY that names the wrong fields. */
export function readRange(query: RangeFields, nowMs: number): Range {
  const { zone, fromMs, endMs = Math.max(nowMs, fromMs ?? nowMs) + 1 } = readEdges(query);
  return { fromMs: fromMs ?? startOfDayBefore(endMs - 1, zone, defaultDays), endMs, zone };
}
