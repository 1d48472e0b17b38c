// What an event must be to count: its name and its filters.
import type { Filter } from "#schemas/query/filter.ts";
import type { SqlContext } from "../sql/context.ts";
import { filtersSql } from "../sql/filters.ts";

export interface EventSelector {
  /** Null: any event. */
  readonly event: string | null;
  /** Its own and the query's. */
  readonly filters: readonly Filter[];
}

/** Conditions on rows of the table that `tableOf(selector.filters)` names. */
export function eventConditions(selector: EventSelector, context: SqlContext): string[] {
  return [
    ...(selector.event === null ? [] : [`event = ${context.parameters.bind("String", selector.event)}`]),
    ...(selector.filters.length === 0 ? [] : [filtersSql(selector.filters, context)]),
  ];
}
