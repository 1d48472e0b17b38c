// Retention as a flat table: a row for each cell of the triangle; and the people of one row of it.
import type { RetentionAnswer, RetentionUsersAnswer } from "#schemas/query/retention.ts";
import { columnsOf, type Row, type Table } from "../export/table.ts";

const columns = columnsOf({
  // Empty: everybody.
  breakdown: "text",
  start: "time",
  size: "integer",
  // Intervals after the row's own, which is 0.
  interval: "integer",
  returned: "integer",
});

export function retentionTable({
  cohorts,
  breakdowns,
}: Pick<RetentionAnswer, "cohorts" | "breakdowns">): Table {
  const parts = [{ value: null, cohorts }, ...(breakdowns ?? [])];
  const rows = parts.flatMap((part) =>
    part.cohorts.flatMap(({ start, size, returned }) =>
      returned.map((people, interval): Row => [part.value, start, size, interval, people]),
    ),
  );
  return { columns, rows };
}

/** `returned` is a JSON list: the offsets of the intervals. */
const userColumns = columnsOf({ user: "text", returned: "text" });

export function retentionUsersTable({ users }: Pick<RetentionUsersAnswer, "users">): Table {
  return { columns: userColumns, rows: users.map(({ user, returned }) => [user, JSON.stringify(returned)]) };
}
