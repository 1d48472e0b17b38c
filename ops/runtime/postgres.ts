// The relational store's connection pool.
import pg from "pg";

export type Postgres = pg.Pool;

const connectMsMax = 5_000;
const statementMsMax = 30_000;

export function createPostgres(url: string, options: { name: string; connectionsMax: number }): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: options.name,
    max: options.connectionsMax,
    connectionTimeoutMillis: connectMsMax,
    statement_timeout: statementMsMax,
    keepAlive: true,
  });
  // A connection that breaks while idle is replaced at the next use; without a listener it would end the process.
  pool.on("error", () => {});
  return pool;
}
