// A selector: which events are kept pre-aggregated per hour and day, by which value, with which number. Saved
// insights and registered dimensions ask for selectors; workers keep them; every query uses those that fit.
import { createHash } from "node:crypto";
import type { Filter, PropertyFilter } from "../query/filter.ts";

export interface SelectorDefinition {
  /** Null: every event, each on its own; answers for a single one too. */
  readonly event: string | null;
  /** Conditions on properties of events only. */
  readonly filters: readonly Filter[];
  /** Property of events whose values are kept apart. */
  readonly breakdown?: string;
  /** Numeric property: its count, sum, least and most are kept, instead of the sets of users. */
  readonly number?: string;
}

export const selectorLimits = {
  /** Selectors of one project that are kept at once. */
  selectorsMax: 500,
  /** Values of a breakdown on one day of one event; a day with more is answered from rows. */
  valuesMax: 1_000,
  /** The longest of them, in bytes. */
  valueBytesMax: 1_000,
} as const;

/** True when no filter asks about the person: such conditions hold for an event for ever. */
export function looksAtEventsOnly(filter: Filter): boolean {
  if ("or" in filter) return filter.or.every(looksAtEventsOnly);
  return !("cohort" in filter) && filter.on !== "user";
}

/** Equal texts mean equal conditions; a few equal conditions may have different texts. */
export function canonicalFilter(filter: Filter): string {
  if ("or" in filter) return JSON.stringify({ or: sorted(filter.or.map(canonicalFilter)) });
  if ("cohort" in filter) return JSON.stringify({ cohort: filter.cohort, negate: filter.negate === true });
  const { property, operator } = filter;
  return JSON.stringify({ property, operator, value: canonicalValue(filter), on: filter.on ?? "event" });
}

function canonicalValue({ operator, value }: PropertyFilter): unknown {
  // A value that is there means nothing.
  if (operator === "is_set" || operator === "is_not_set") return undefined;
  return Array.isArray(value) ? sorted(value.map((each) => JSON.stringify(each))) : value;
}

function sorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

/** Names the selector: the same for the same conditions in whatever order. */
export function hashSelector(definition: SelectorDefinition): string {
  const { event, filters, breakdown, number } = definition;
  const text = JSON.stringify([
    event,
    sorted(filters.map(canonicalFilter)),
    breakdown ?? null,
    number ?? null,
  ]);
  return createHash("sha256").update(text).digest("hex");
}

/** What the query tier answers to svc.query.selector_statement: expressions over rows of `events`. */
export interface SelectorStatement {
  /** UInt8: the event is the selector's. */
  readonly matches: string;
  /** Nullable(String): the value that it is kept by. */
  readonly value: string;
  /** Nullable(Float64): its number. */
  readonly number: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}
