// Migrations against the real stores, each test in a database of its own.
import { randomBytes } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClickHouseClient } from "@clickhouse/client";
import pg from "pg";
import { afterEach, beforeEach, expect, inject, it } from "vitest";
import { createClickHouse } from "./clickhouse.ts";
import { migrate } from "./migrate.ts";

const shipped = join(import.meta.dirname, "../../schemas/migrations");
let directory: string;
let database: string;
let admin: pg.Client;
let postgres: pg.Pool;
let clickhouse: ClickHouseClient;

function urlOf(url: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.href;
}

beforeEach(async () => {
  const servers = inject("servers");
  database = `migrate_${randomBytes(6).toString("hex")}`;
  directory = await mkdtemp(join(tmpdir(), "millrace-migrations-"));
  await cp(shipped, directory, { recursive: true });
  admin = new pg.Client({ connectionString: servers.postgresUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  postgres = new pg.Pool({ connectionString: urlOf(servers.postgresUrl) });
  // The embedded server's owner owns one database; the tests' tables there are told apart by name.
  clickhouse = createClickHouse(servers.clickhouseUrl, { name: "migrate test" });
});
afterEach(async () => {
  await clickhouse.command({ query: `DROP TABLE IF EXISTS ${database}` });
  await clickhouse.close();
  await postgres.end();
  await admin.query(`DROP DATABASE ${database}`);
  await admin.end();
  await rm(directory, { recursive: true });
});

const recorded = async (): Promise<string[]> =>
  (
    await postgres.query<{ name: string }>(
      "SELECT store || ' ' || number AS name FROM schema_migrations ORDER BY store DESC, number",
    )
  ).rows.map(({ name }) => name);

it("applies what is shipped, in order, and nothing the second time", async () => {
  const expected: string[] = [];
  for (const store of ["postgres", "clickhouse"]) {
    for (const file of (await readdir(join(shipped, store))).sort()) {
      expected.push(`${store} ${file.slice(0, -".sql".length)}`);
    }
  }
  const lines: string[] = [];
  const first = await migrate({ postgres, clickhouse, log: (line) => lines.push(line) });
  expect(first.applied).toEqual(expected);
  expect(lines).toEqual(expected.map((name) => `applied ${name}`));
  expect(await migrate({ postgres, clickhouse })).toEqual({ applied: [] });
});

it("lets one of two that migrate at once do the work", async () => {
  const both = await Promise.all([migrate({ postgres, clickhouse }), migrate({ postgres, clickhouse })]);
  const counts = both.map(({ applied }) => applied.length).sort((a, b) => a - b);
  expect(counts[0]).toBe(0);
  expect(counts[1]).toBe((await recorded()).length);
});

it("takes a single connection as well, and gives the lock back", async () => {
  const client = new pg.Client({ connectionString: urlOf(inject("servers").postgresUrl) });
  await client.connect();
  await migrate({ postgres: client, clickhouse, directory });
  const { rows } = await client.query(
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
  );
  expect(rows).toEqual([]);
  await client.end();
});

it("undoes a failed Postgres file whole and records nothing of it", async () => {
  await migrate({ postgres, clickhouse, directory });
  const before = await recorded();
  await writeFile(
    join(directory, "postgres", "9001-breaks.sql"),
    "CREATE TABLE half (a integer);\nSELECT no_such_column;\n",
  );
  await expect(migrate({ postgres, clickhouse, directory })).rejects.toThrow("postgres 9001-breaks failed");
  expect((await postgres.query("SELECT to_regclass('half') AS half")).rows).toEqual([{ half: null }]);
  expect(await recorded()).toEqual(before);
});

it("runs a failed ClickHouse file again from its beginning", async () => {
  const file = join(directory, "clickhouse", "9001-second-try.sql");
  const create = `CREATE TABLE IF NOT EXISTS ${database} (a UInt8) ENGINE = MergeTree ORDER BY a;\n`;
  await writeFile(file, `${create}SELECT no_such_function();\n`);
  await expect(migrate({ postgres, clickhouse, directory })).rejects.toThrow(
    "clickhouse 9001-second-try failed",
  );
  await writeFile(file, `${create}ALTER TABLE ${database} ADD COLUMN IF NOT EXISTS b UInt8;\n`);
  expect((await migrate({ postgres, clickhouse, directory })).applied).toEqual([
    "clickhouse 9001-second-try",
  ]);
  const table = await clickhouse.query({ query: `DESCRIBE ${database}`, format: "JSONEachRow" });
  expect((await table.json<{ name: string }>()).map(({ name }) => name)).toEqual(["a", "b"]);
});

it("does not make tables again while a batch is open", async () => {
  await migrate({ postgres, clickhouse, directory });
  await writeFile(
    join(directory, "clickhouse", "9001-anew.sql"),
    `-- needs: no open batch\nCREATE TABLE IF NOT EXISTS ${database} (a UInt8) ENGINE = MergeTree ORDER BY a;\n`,
  );
  await postgres.query(
    "INSERT INTO log_partitions (partition, log_id, intent_from, intent_to, intent_token) VALUES (0, 'log', 1, 2, 'token')",
  );
  await expect(migrate({ postgres, clickhouse, directory })).rejects.toThrow(
    "start the version that ran before",
  );
  await postgres.query("UPDATE log_partitions SET intent_from = NULL, intent_to = NULL, intent_token = NULL");
  expect((await migrate({ postgres, clickhouse, directory })).applied).toEqual(["clickhouse 9001-anew"]);
});

it("refuses a changed file before it runs anything", async () => {
  await migrate({ postgres, clickhouse, directory });
  const [name = ""] = (await readdir(join(directory, "postgres"))).sort();
  const path = join(directory, "postgres", name);
  await writeFile(path, `${await readFile(path, "utf8")}-- changed\n`);
  await writeFile(join(directory, "postgres", "9001-later.sql"), "CREATE TABLE later (a integer);\n");
  await expect(migrate({ postgres, clickhouse, directory })).rejects.toThrow(
    "was changed after it had been applied",
  );
  expect((await postgres.query("SELECT to_regclass('later') AS later")).rows).toEqual([{ later: null }]);
});
