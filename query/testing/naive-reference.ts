// For tests: what queries mean, written as plainly as possible over arrays of events, without any store.
import { Temporal } from "@js-temporal/polyfill";
import type { Filter, FilterScalar, PropertyFilter } from "#schemas/query/filter.ts";
import type { TrendMath } from "#schemas/query/trends.ts";
import type { Interval, WeekStart } from "../time/calendar.ts";

export interface ReferenceEvent {
  event: string;
  user: number;
  timestampMs: number;
  properties: Record<string, unknown>;
  browser: string;
}

/** The property's value; a dotted name is a path, or a key that contains the dots. */
export function valueOf(event: ReferenceEvent, name: string): unknown {
  if (name === "$event") return event.event;
  if (name === "$browser") return event.browser === "" ? undefined : event.browser;
  let value: unknown = event.properties;
  for (const part of name.split(".")) {
    value =
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  }
  return value ?? event.properties[name] ?? undefined;
}

export function textOf(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : null;
}

export function matches(event: ReferenceEvent, filters: readonly Filter[]): boolean {
  return filters.every((filter) => {
    if ("or" in filter) return filter.or.some((inner) => matches(event, [inner]));
    if ("cohort" in filter) throw new Error("no cohorts here");
    return matchesProperty(valueOf(event, filter.property), filter);
  });
}

export function matchesProperty(value: unknown, filter: PropertyFilter): boolean {
  const text = textOf(value);
  const wanted = filter.value;
  const equals = (scalar: FilterScalar): boolean => text !== null && text === String(scalar);
  const equalsAny = (): boolean =>
    Array.isArray(wanted) ? wanted.some(equals) : equals(wanted as FilterScalar);
  const contains = (): boolean => text !== null && text.toLowerCase().includes(String(wanted).toLowerCase());
  const isSet = value !== undefined && value !== null;
  switch (filter.operator) {
    case "eq":
    case "in":
      return equalsAny();
    case "neq":
    case "not_in":
      return !equalsAny();
    case "contains":
      return contains();
    case "not_contains":
      return !contains();
    case "starts_with":
      return text !== null && text.startsWith(String(wanted));
    case "is_set":
      return isSet;
    case "is_not_set":
      return !isSet;
    case "gt":
    case "gte":
    case "lt":
    case "lte": {
      const number = typeof wanted === "number" ? wanted : Number(wanted);
      const isNumber =
        typeof wanted === "number" || (String(wanted).trim() !== "" && Number.isFinite(number));
      const order = isNumber
        ? typeof value === "number"
          ? value - number
          : null
        : text === null
          ? null
          : Buffer.compare(Buffer.from(text), Buffer.from(String(wanted)));
      if (order === null) return false;
      return { gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[filter.operator];
    }
  }
}

/** Start of the local interval that holds an instant, by Temporal alone. */
export function intervalStart(
  instantMs: number,
  zone: string,
  interval: Interval,
  weekStart: WeekStart,
): number {
  const at = Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(zone);
  if (interval === "minute" || interval === "hour") {
    return at.round({ smallestUnit: interval, roundingMode: "floor" }).epochMilliseconds;
  }
  const date = at.toPlainDate();
  const first = {
    day: date,
    week: date.subtract({ days: weekStart === "monday" ? date.dayOfWeek - 1 : date.dayOfWeek % 7 }),
    month: date.with({ day: 1 }),
  }[interval];
  return first.toZonedDateTime(zone).epochMilliseconds;
}

export function aggregate(events: readonly ReferenceEvent[], math: TrendMath, property = ""): number | null {
  const users = new Set(events.map((event) => event.user)).size;
  const numbers = events
    .map((event) => valueOf(event, property))
    .filter((value) => typeof value === "number")
    .sort((left, right) => left - right);
  const sum = numbers.reduce((total, value) => total + value, 0);
  const quantile = (level: number): number | null => {
    const position = (numbers.length - 1) * level;
    const low = numbers[Math.floor(position)];
    const high = numbers[Math.ceil(position)];
    return low === undefined || high === undefined
      ? null
      : low + (high - low) * (position - Math.floor(position));
  };
  switch (math) {
    case "total":
      return events.length;
    case "unique_users":
      return users;
    case "per_user":
      return users === 0 ? 0 : events.length / users;
    case "sum":
      return sum;
    case "avg":
      return numbers.length === 0 ? null : sum / numbers.length;
    case "min":
      return numbers[0] ?? null;
    case "max":
      return numbers.at(-1) ?? null;
    case "median":
      return quantile(0.5);
    case "p75":
      return quantile(0.75);
    case "p90":
      return quantile(0.9);
    case "p95":
      return quantile(0.95);
    case "p99":
      return quantile(0.99);
  }
}
