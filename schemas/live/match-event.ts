// Live filters as functions of an event: the same meaning as in queries (query/sql/property-filter.ts), in memory.
import type { Filter, FilterScalar, PropertyFilter } from "../query/filter.ts";
import type { LiveFilter } from "./live-filter.ts";

/** What a filter may look at; the members that cost something are read only when they are asked for. */
export interface LiveEventView {
  readonly event: string;
  readonly userId: string;
  readonly anonymousId: string;
  properties(): Readonly<Record<string, unknown>>;
  /** `$browser`, `$page_url` and the like; undefined when the name is none of them, empty when it is unknown. */
  builtIn(name: string): string | undefined;
}

export function compileLiveFilter(filter: LiveFilter): (event: LiveEventView) => boolean {
  const events = filter.events.length === 0 ? undefined : new Set(filter.events);
  const { user, filters } = filter;
  return (event) =>
    (events === undefined || events.has(event.event)) &&
    (user === "" || event.userId === user || event.anonymousId === user) &&
    filters.every((each) => matchesFilter(event, each));
}

function matchesFilter(event: LiveEventView, filter: Filter): boolean {
  if ("or" in filter) return filter.or.some((inner) => matchesFilter(event, inner));
  // Refused at the edge: who is in a cohort is known to the stores only.
  if ("cohort" in filter) return false;
  return matchesProperty(event, filter);
}

function matchesProperty(event: LiveEventView, filter: PropertyFilter): boolean {
  const builtIn = event.builtIn(filter.property);
  const value =
    builtIn === undefined
      ? valueOf(event.properties(), filter.property)
      : builtIn === ""
        ? undefined
        : builtIn;
  const text = textOf(value);
  switch (filter.operator) {
    case "eq":
    case "in":
      return equalsAny(text, value, filter.value);
    case "neq":
    case "not_in":
      return !equalsAny(text, value, filter.value);
    case "contains":
      return contains(text, filter.value);
    case "not_contains":
      return !contains(text, filter.value);
    case "starts_with":
      return text !== undefined && text.startsWith(String(filter.value));
    case "is_set":
      return isSet(value);
    case "is_not_set":
      return !isSet(value);
    case "gt":
    case "gte":
    case "lt":
    case "lte": {
      const order = compare(builtIn === undefined ? value : numberOf(value), text, filter.value);
      if (order === undefined) return false;
      return { gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[filter.operator];
    }
  }
}

/** A dotted name is a path, or a key that contains the dots. */
function valueOf(properties: Readonly<Record<string, unknown>>, name: string): unknown {
  let value: unknown = properties;
  for (const part of name.split(".")) {
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, part)
        ? (value as Record<string, unknown>)[part]
        : undefined;
  }
  return value ?? (Object.hasOwn(properties, name) ? properties[name] : undefined);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

function equalsAny(text: string | undefined, value: unknown, wanted: PropertyFilter["value"]): boolean {
  if (text === undefined) return false;
  const equals = (scalar: FilterScalar | undefined): boolean => value === scalar || text === String(scalar);
  return Array.isArray(wanted) ? wanted.some(equals) : equals(wanted);
}

function contains(text: string | undefined, wanted: unknown): boolean {
  return text !== undefined && text.toLowerCase().includes(String(wanted).toLowerCase());
}

/** Null and the empty object count as missing. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== "object" || Array.isArray(value) || Object.keys(value).length > 0;
}

/** Built-in properties are text in the store; those that look like numbers compare as such. */
function numberOf(value: unknown): unknown {
  return typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))
    ? Number(value)
    : value;
}

/** Below, at or above 0; undefined when the two cannot be compared. */
function compare(
  value: unknown,
  text: string | undefined,
  wanted: PropertyFilter["value"],
): number | undefined {
  const number = numberOf(wanted);
  if (typeof number === "number") return typeof value === "number" ? value - number : undefined;
  return text === undefined ? undefined : Buffer.compare(Buffer.from(text), Buffer.from(String(wanted)));
}
