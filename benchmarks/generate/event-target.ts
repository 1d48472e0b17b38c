// Where a run's events go: the table `events`, or another one with some of its columns.

/** Columns of `events` that a run fills; the rest have defaults. */
export const filledColumns = [
  "project_id",
  "event",
  "timestamp",
  "user_number",
  "event_id",
  "user_id",
  "session_id",
  "properties",
  "context",
  "page_url",
  "referrer_domain",
  "utm_source",
  "utm_medium",
  "utm_campaign",
  "browser",
  "os",
  "device",
  "received_at",
  "log_partition",
  "log_sequence",
  "retention_days",
] as const;

export type FilledColumn = (typeof filledColumns)[number];

/** What steps and rollups are made of. */
export const aggregatedColumns = [
  "project_id",
  "event",
  "timestamp",
  "user_number",
  "retention_days",
] as const;

export interface EventTarget {
  readonly table: string;
  readonly columns: readonly FilledColumn[];
}

/** `INSERT … SELECT` up to its FROM: only the expressions that the target has a column for. */
export function insertInto(target: EventTarget, expressions: Record<FilledColumn, string>): string {
  return `INSERT INTO ${target.table} (${target.columns.join(", ")})
SELECT ${target.columns.map((column) => expressions[column]).join(", ")}`;
}
