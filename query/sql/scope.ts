// Every read of a table passes through here: this is what keeps projects apart. The project's number is bound by
// the store (run-statement.ts) from the caller's key, never from a query's body.

export const eventTables = ["events", "steps", "rollup_minute", "rollup_hour", "rollup_day"] as const;
export type EventTable = (typeof eventTables)[number];
/** The rollups of users, without the event's name: for whoever asks for any event. */
export type AnyEventTable = "rollup_hour_any" | "rollup_day_any";
/** What is kept of selectors, by hour and by day. */
export type KeptTable = "partial_hour" | "partial_day";
/** Clicks of links, and the same by what is known of them, by quarter of an hour and by day. */
export type LinkTable = "link_clicks_quarter" | "link_clicks_day" | "link_values_quarter" | "link_values_day";
type Table =
  | EventTable
  | AnyEventTable
  | KeptTable
  | LinkTable
  | "partial_state"
  | "steps_sample"
  | "event_outcomes"
  | "quarantined"
  | "quarantine_state"
  | "removed_event_ids"
  | "persons"
  | "user_properties"
  | "cohort_members"
  | "funnel_days"
  | "person_history";

/** The table that holds a rollup's rows of this event; null: of any. Its columns are the same. */
export function rollupTable(table: EventTable, event: string | null): EventTable | AnyEventTable {
  return event === null && (table === "rollup_hour" || table === "rollup_day") ? `${table}_any` : table;
}

/** Name of the parameter that the store binds to the caller's project. */
export const projectParameter = "project_id";

/** `FROM table WHERE <this project> AND conditions`. */
export function fromTable(table: Table, conditions: readonly string[], modifier: "" | "FINAL" = ""): string {
  const all = [
    `project_id = {${projectParameter}:UInt32}`,
    ...conditions.map((condition) => `(${condition})`),
  ];
  return `FROM ${table}${modifier === "" ? "" : ` ${modifier}`} WHERE ${all.join(" AND ")}`;
}
