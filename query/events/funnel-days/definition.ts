// What of a funnel decides who came how far, without its range and its presentation: two queries with the same
// definition share what is kept by day.
import { createHash } from "node:crypto";
import type { Filter } from "#schemas/query/filter.ts";
import type { FunnelRequest } from "../funnel/request.ts";

/** A body of a funnel query without its range. */
export type FunnelDefinition = Readonly<Record<string, unknown>>;

/** To be raised when the kernel decides anything differently: kept days are then those of another definition. */
const meaning = 1;

/** Gaps are kept in 32 bits: 49 days. */
export const windowMsMax = 2 ** 32 - 1;

/**
 * Undefined when days of it cannot be kept: what it says of people (cohorts, properties of users) changes without any
 * event, and values of a breakdown are not kept.
 */
export function defineFunnel(
  request: FunnelRequest,
): { readonly query: FunnelDefinition; readonly hash: string } | undefined {
  const { steps, exclusions, filters, order, windowMs, breakdown } = request;
  if (breakdown !== undefined || steps.length < 2 || windowMs > windowMsMax) return undefined;
  const all = [filters, ...[...steps, ...exclusions].map((each) => each.filters)].flat();
  if (all.some(looksAtPersons)) return undefined;
  const query = {
    steps: steps.map((step) => ({ event: step.event, filters: step.filters })),
    exclusions: exclusions.map((each) => ({
      event: each.event,
      filters: each.filters,
      from_step: each.fromStep,
      to_step: each.toStep,
    })),
    filters,
    order,
    window_seconds: windowMs / 1000,
  };
  return {
    query,
    hash: createHash("sha256")
      .update(`${meaning} ${canonical(query)}`)
      .digest("hex"),
  };
}

function looksAtPersons(filter: Filter): boolean {
  if ("or" in filter) return filter.or.some(looksAtPersons);
  return "cohort" in filter || filter.on === "user";
}

/** JSON with the names of objects in order, and without `on: "event"`, which is the default. */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.entries(value)
    .filter(([name, member]) => member !== undefined && !(name === "on" && member === "event"))
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}
