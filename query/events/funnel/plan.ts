// How a funnel's rows are read: from which table, and in how many groups of people, so that each fits into memory.
import { daysOf, type DayScope } from "../../day-counts/count-days.ts";
import { tableOf } from "../../sql/filters.ts";
import { instantMsMax } from "../../time/instants.ts";
import type { FunnelRequest } from "./request.ts";

export interface FunnelPlan {
  readonly table: "events" | "steps";
  /** Persons are read by their number modulo this, a power of two. */
  readonly groups: number;
  /** Rows of one group, as estimated. */
  readonly rowsExpected: number;
}

/** One group is held twice while it is put into order: 20 bytes a row, and two groups at once. */
export const groupRowsWanted = 4_000_000;
/** More of them are asked of the store one after another. */
const groupsMax = 64;
/** The same in the background: 4 billion rows. */
const groupsOfJobMax = 1_024;
/** Where people differ much, a group may be larger than wanted, up to this. */
export const groupRowsMax = 16_000_000;

export function groupsAllowed(inBackground: boolean | undefined): number {
  return inBackground === true ? groupsOfJobMax : groupsMax;
}

export function planFunnel(
  request: FunnelRequest,
  rows: number,
  groupsAtMost: number = groupsMax,
): FunnelPlan {
  let groups = 1;
  while (rows / groups > groupRowsWanted && groups < groupsAtMost) groups *= 2;
  return { table: funnelTable(request), groups, rowsExpected: Math.ceil(rows / groups) };
}

export function funnelTable({ steps, exclusions, filters, breakdown }: FunnelRequest): FunnelPlan["table"] {
  if (breakdown !== undefined && "property" in breakdown && breakdown.on === "event") return "events";
  return tableOf([...filters, ...[...steps, ...exclusions].flatMap((each) => each.filters)]);
}

/** Later steps may lie after the range, as far as the window allows. */
export function rowsRange({ fromMs, endMs, windowMs }: FunnelRequest): { fromMs: number; endMs: number } {
  return { fromMs, endMs: Math.min(endMs + windowMs, instantMsMax + 1) };
}

/** Names of all events that matter, or undefined when any may. */
export function eventsOf({
  order,
  steps,
  exclusions,
}: Pick<FunnelRequest, "order" | "steps" | "exclusions">): string[] | undefined {
  if (order === "strict") return undefined;
  const names = new Set<string>();
  for (const { event } of [...steps, ...exclusions]) {
    if (event === null) return undefined;
    names.add(event);
  }
  return [...names];
}

/** Names of the events that attempts may begin with, or undefined when any may. */
export function beginnersOf({ order, steps }: Pick<FunnelRequest, "order" | "steps">): string[] | undefined {
  const first = order === "unordered" ? steps : steps.slice(0, 1);
  return eventsOf({ order: "ordered", steps: first, exclusions: [] });
}

/** The days whose events are read, and of which names; null: of any. */
export function daysToRead(request: FunnelRequest): DayScope {
  return { events: eventsOf(request) ?? [null], ...daysOf(rowsRange(request)) };
}
