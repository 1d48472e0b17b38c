// The rows that a selector means: of events, or of sessions, which are not stored but look the same to a statement.
import { isSessionEvent } from "#schemas/query/sessions.ts";
import { SessionRows } from "../sessions/session-rows.ts";
import type { SqlContext } from "../sql/context.ts";
import { fromTable } from "../sql/scope.ts";
import type { SampledTable } from "../sampling/sampled-table.ts";
import { rangeSql } from "./bucket-sql.ts";
import { eventConditions, type EventSelector } from "./event-conditions.ts";

export interface SelectedRows {
  /** For expressions over the rows. */
  readonly context: SqlContext;
  /** `FROM … WHERE`, with more conditions: comes last, when it is known which properties are asked for. */
  from(more?: readonly string[]): string;
}

export function selectRows(
  selector: EventSelector,
  table: SampledTable["table"],
  range: { readonly fromMs: number; readonly endMs: number },
  context: SqlContext,
): SelectedRows {
  const { event, filters } = selector;
  if (isSessionEvent(event)) {
    const sessions = new SessionRows(event, context);
    const ofSessions = { ...context, propertyOf: sessions.propertyOf };
    const conditions = eventConditions({ event: null, filters }, ofSessions);
    return { context: ofSessions, from: (more = []) => sessions.from(range, [...conditions, ...more]) };
  }
  const timed = table === "steps_sample" ? "steps" : table;
  const conditions = [rangeSql(timed, range, context.parameters), ...eventConditions(selector, context)];
  return { context, from: (more = []) => fromTable(table, [...conditions, ...more]) };
}
