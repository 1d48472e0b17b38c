// The store's own EXPLAIN of a statement, with the parts and granules that its indexes choose.
import { runStatement, type Statement, type Store } from "./run-statement.ts";

export async function explainStatement(
  store: Store,
  statement: Statement,
  options: { projectId: number; signal: AbortSignal },
): Promise<string[]> {
  const explained = { sql: `EXPLAIN indexes = 1 ${statement.sql}`, parameters: statement.parameters };
  const { rows } = await runStatement(store, explained, options);
  return rows.map((row) => String(row[0]));
}
