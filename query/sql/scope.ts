// Every read of a table passes through here: this is what keeps projects apart. The project's number is bound by
// the store (run-statement.ts) from the caller's key, never from a query's body.

export const eventTables = ["events", "steps", "rollup_minute", "rollup_hour", "rollup_day"] as const;
export type EventTable = (typeof eventTables)[number];
type Table = EventTable | "event_outcomes" | "persons" | "user_properties" | "cohort_members";

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
