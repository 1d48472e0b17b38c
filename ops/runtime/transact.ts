// All or nothing in the relational store.
import type pg from "pg";
import type { Postgres } from "./postgres.ts";

export async function transact<T>(
  postgres: Postgres,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await postgres.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
