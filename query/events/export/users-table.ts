// A list of users as a flat table.
import { columnsOf, type Table } from "./table.ts";

const columns = columnsOf({ user: "text" });

export function usersTable({ users }: { readonly users: readonly string[] }): Table {
  return { columns, rows: users.map((user) => [user]) };
}
