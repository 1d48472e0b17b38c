// Which events an answer is made of: what may change without changing it lies outside.
import { isSessionEvent } from "#schemas/query/sessions.ts";
import { sessionMsMax } from "../sessions/session-rows.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";

export interface ReadScope {
  /** Names; null: any event. */
  readonly events: readonly (string | null)[];
  readonly fromMs: number;
  /** First instant after it. */
  readonly endMs: number;
  /** True when single rows are looked at, and not only counts and sets that are kept: what such an answer may cost. */
  readonly rows: boolean;
}

/** Everything up to an instant; everything there is without one. */
export function allBefore(endMs = instantMsMax + 1): Pick<ReadScope, "fromMs" | "endMs"> {
  return { fromMs: instantMsMin, endMs };
}

/** The scope of a question that may name sessions: they are made of all events, also of those around the range. */
export function aroundSessions(scope: ReadScope): ReadScope {
  if (!scope.events.some(isSessionEvent)) return scope;
  return {
    events: scope.events.map((event) => (isSessionEvent(event) ? null : event)),
    fromMs: scope.fromMs - sessionMsMax,
    endMs: scope.endMs + sessionMsMax,
    rows: true,
  };
}

/** Properties of users that a query names, wherever it does: filters, breakdowns, sets of them. */
export function userPropertiesOf(body: unknown): string[] {
  const names = new Set<string>();
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (typeof node === "object" && node !== null) {
      const { on, property } = node as { on?: unknown; property?: unknown };
      if (on === "user" && typeof property === "string") names.add(property);
      Object.values(node).forEach(visit);
    }
  };
  visit(body);
  return [...names].sort();
}
