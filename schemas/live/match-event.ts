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

type Condition = (event: LiveEventView) => boolean;

export function compileLiveFilter(filter: LiveFilter): Condition {
  const events = filter.events.length === 0 ? undefined : new Set(filter.events);
  const { user } = filter;
  const conditions = filter.filters.map(compileFilter);
  return (event) =>
    (events === undefined || events.has(event.event)) &&
    (user === "" || event.userId === user || event.anonymousId === user) &&
    conditions.every((condition) => condition(event));
}

function compileFilter(filter: Filter): Condition {
  if ("or" in filter) {
    const conditions = filter.or.map(compileFilter);
    return (event) => conditions.some((condition) => condition(event));
  }
  // Refused at the edge: who is in a cohort is known to the stores only.
  if ("cohort" in filter) return () => false;
  const { property } = filter;
  const path = property.split(".");
  return (event) => {
    const builtIn = event.builtIn(property);
    if (builtIn === undefined) return matches(valueOf(event.properties(), property, path), filter, false);
    return matches(builtIn === "" ? undefined : builtIn, filter, true);
  };
}

function matches(value: unknown, filter: PropertyFilter, isBuiltIn: boolean): boolean {
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
      const order = compare(isBuiltIn ? numberOf(value) : value, text, filter.value);
      if (order === undefined) return false;
      if (filter.operator === "gt") return order > 0;
      if (filter.operator === "gte") return order >= 0;
      return filter.operator === "lt" ? order < 0 : order <= 0;
    }
  }
}

/** `path`: the name's parts. A dotted name is a path, or a key that contains the dots. */
function valueOf(
  properties: Readonly<Record<string, unknown>>,
  name: string,
  path: readonly string[],
): unknown {
  let value: unknown = properties;
  for (const part of path) {
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
