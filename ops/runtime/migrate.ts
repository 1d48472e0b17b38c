// Brings Postgres and ClickHouse to the tables this version needs: numbered, forward-only SQL files, applied in
// order under one lock and recorded with their checksum in Postgres. Runs at every start, before the tiers.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClickHouseClient } from "@clickhouse/client";
import type { Client, ClientBase, Pool } from "pg";
import { renderForCluster } from "#schemas/clickhouse/render-for-cluster.ts";
import { MillraceError } from "#schemas/errors.ts";

type Store = "postgres" | "clickhouse";
type Migration = { store: Store; number: number; title: string; sql: string; checksum: string };
type Applied = { store: Store; number: number; title: string; checksum: string };

const defaultDirectory = fileURLToPath(new URL("../../schemas/migrations", import.meta.url));
const fileName = /^(\d{4})-([a-z0-9-]+)\.sql$/;
/** First line of a file that makes tables again: their record of the batches that they hold begins anew. */
const needsNoOpenBatch = /^-- needs: no open batch$/m;
/** Any number, always the same: whoever holds it migrates, everybody else waits. */
const lockKey = 7_145_522;

/**
 * Applies what is missing; `applied` names the new ones, like "postgres 0001-projects-and-keys".
 * With `cluster`, ClickHouse statements are rendered for its replicated and distributed tables.
 * @throws MillraceError CONFLICT when an applied file was changed, when one is missing in between, or when the
 * database comes from a newer version.
 */
export async function migrate(options: {
  postgres: Pool | Client;
  clickhouse: ClickHouseClient;
  directory?: string;
  cluster?: string;
  log?: (line: string) => void;
}): Promise<{ applied: string[] }> {
  const directory = options.directory ?? defaultDirectory;
  const files = [...(await loadFiles(directory, "postgres")), ...(await loadFiles(directory, "clickhouse"))];
  // The lock belongs to one connection, so a pool has to lend one for the whole time.
  const borrowed = "totalCount" in options.postgres ? await options.postgres.connect() : undefined;
  const client: ClientBase = borrowed ?? (options.postgres as Client);
  try {
    await client.query("SELECT pg_advisory_lock($1)", [lockKey]);
    try {
      const missing = decideMissing(files, await ensureRecord(client));
      for (const migration of missing) {
        if (needsNoOpenBatch.test(migration.sql)) await refuseOpenBatches(client, migration);
        if (migration.store === "postgres") await applyToPostgres(client, migration);
        else await applyToClickHouse(client, options.clickhouse, migration, options.cluster);
        options.log?.(`applied ${describe(migration)}`);
      }
      return { applied: missing.map(describe) };
    } finally {
      await client.query("SELECT pg_advisory_unlock($1)", [lockKey]);
    }
  } finally {
    borrowed?.release();
  }
}

async function loadFiles(directory: string, store: Store): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for (const name of (await readdir(join(directory, store))).sort()) {
    const match = fileName.exec(name);
    if (match === null) {
      throw new MillraceError("INTERNAL", {
        message: `${store}/${name} is not named like a migration (0001-title.sql).`,
      });
    }
    const sql = (await readFile(join(directory, store, name), "utf8")).replaceAll("\r\n", "\n");
    const checksum = createHash("sha256").update(sql).digest("hex");
    migrations.push({ store, number: Number(match[1]), title: match[2] ?? "", sql, checksum });
  }
  const repeated = migrations.find((each, index) => each.number === migrations[index + 1]?.number);
  if (repeated !== undefined) {
    throw new MillraceError("INTERNAL", {
      message: `Two migrations have the number of ${describe(repeated)}.`,
    });
  }
  return migrations;
}

async function ensureRecord(client: ClientBase): Promise<Applied[]> {
  await client.query(`
    CREATE TABLE IF NOT EXISTS schema_migrations (
      store      text NOT NULL,
      number     integer NOT NULL,
      title      text NOT NULL,
      checksum   text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (store, number)
    )`);
  const { rows } = await client.query<Applied>(
    "SELECT store, number, title, checksum FROM schema_migrations ORDER BY store, number",
  );
  return rows;
}

/** Which files are still to be applied; refuses what forward-only migrations must not meet. */
export function decideMissing(files: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const problems: string[] = [];
  for (const done of applied) {
    const file = files.find((each) => each.store === done.store && each.number === done.number);
    if (file === undefined) {
      problems.push(`${describe(done)} was applied by a newer version of Millrace; run that version`);
    } else if (file.checksum !== done.checksum) {
      problems.push(`${describe(file)} was changed after it had been applied; add a new migration instead`);
    }
  }
  const missing = files.filter(
    (file) => !applied.some((done) => done.store === file.store && done.number === file.number),
  );
  for (const file of missing) {
    const later = applied.find((done) => done.store === file.store && done.number > file.number);
    if (later !== undefined) {
      problems.push(
        `${describe(file)} was added below ${describe(later)}, which is applied; give it a new number`,
      );
    }
  }
  if (problems.length > 0) {
    throw new MillraceError("CONFLICT", {
      message: `The database cannot be migrated:\n${problems.map((each) => `  - ${each}`).join("\n")}`,
    });
  }
  return missing;
}

async function applyToPostgres(client: ClientBase, migration: Migration): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(migration.sql);
    await record(client, migration);
    await client.query("COMMIT");
  } catch (cause) {
    await client.query("ROLLBACK");
    throw failure(migration, cause);
  }
}

/** ClickHouse has no transaction around DDL: a file that failed half-way is run again, so each is idempotent. */
async function applyToClickHouse(
  client: ClientBase,
  clickhouse: ClickHouseClient,
  migration: Migration,
  cluster: string | undefined,
): Promise<void> {
  try {
    for (const statement of splitStatements(migration.sql)) {
      const rendered = cluster === undefined ? [statement] : renderForCluster(statement, cluster);
      for (const query of rendered) await clickhouse.command({ query });
    }
  } catch (cause) {
    throw failure(migration, cause);
  }
  await record(client, migration);
}

/** A batch that was being written when everything was killed would be written again, into tables that forgot it. */
async function refuseOpenBatches(client: ClientBase, migration: Migration): Promise<void> {
  const { rows } = await client.query<{ open: boolean }>(
    "SELECT EXISTS (SELECT FROM log_partitions WHERE intent_token IS NOT NULL) AS open",
  );
  if (rows[0]?.open !== true) return;
  throw new MillraceError("CONFLICT", {
    message:
      `${describe(migration)} waits for a batch of events that was being stored when Millrace was killed: ` +
      "start the version that ran before, stop it with Ctrl-C, then start this one.",
  });
}

/** Statements end with a semicolon at the end of a line; parts that are only comments are left out. */
export function splitStatements(sql: string): string[] {
  return `${sql}\n`
    .split(/;[ \t]*\n/)
    .map((part) => part.trim())
    .filter((part) => part.split("\n").some((line) => line.trim() !== "" && !line.trim().startsWith("--")));
}

async function record(client: ClientBase, { store, number, title, checksum }: Migration): Promise<void> {
  await client.query(
    "INSERT INTO schema_migrations (store, number, title, checksum) VALUES ($1, $2, $3, $4)",
    [store, number, title, checksum],
  );
}

function failure(migration: Migration, cause: unknown): MillraceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError("INTERNAL", {
    message: `The migration ${describe(migration)} failed: ${reason}`,
    cause,
  });
}

function describe({ store, number, title }: Pick<Migration, "store" | "number" | "title">): string {
  return `${store} ${String(number).padStart(4, "0")}-${title}`;
}
