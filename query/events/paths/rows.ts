// Paths as a flat table: a row for each edge; a node's count is the sum of its edges.
import type { PathsAnswer } from "#schemas/query/paths.ts";
import { columnsOf, type Table } from "../export/table.ts";

const columns = columnsOf({ step: "integer", from: "text", to: "text", count: "integer" });

export function pathsTable({ edges }: Pick<PathsAnswer, "edges">): Table {
  return { columns, rows: edges.map(({ step, from, to, count }) => [step, from, to, count]) };
}
