// Queries that follow a person from event to event look at events alone.
import type { FieldProblem } from "#schemas/query/check.ts";
import { isSessionEvent } from "#schemas/query/sessions.ts";

/** The problem of a selector that names sessions where they cannot be followed. */
export function sessionProblems(event: string | null | undefined, path: string): FieldProblem[] {
  if (event === undefined || !isSessionEvent(event)) return [];
  const message = "stands for sessions, which trends, retention, stickiness and lifecycle look at";
  return [{ path, message }];
}
