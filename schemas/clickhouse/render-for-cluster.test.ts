import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { renderForCluster } from "./render-for-cluster.ts";

const cases = [
  {
    name: "a table becomes a replicated local one and a distributed one",
    input: `-- Raw events.
CREATE TABLE IF NOT EXISTS events
(
    project_id UInt32 CODEC(Delta(4), ZSTD(1)), -- ) is not the end
    note String DEFAULT 'it''s )',
    user_number UInt32
)
ENGINE = MergeTree
ORDER BY (project_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1`,
    expected: [
      `CREATE TABLE IF NOT EXISTS events_local ON CLUSTER 'blue'
(
    project_id UInt32 CODEC(Delta(4), ZSTD(1)), -- ) is not the end
    note String DEFAULT 'it''s )',
    user_number UInt32
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/events', '{replica}')
ORDER BY (project_id)
SETTINGS replicated_deduplication_window = 10000, fsync_after_insert = 1`,
      `CREATE TABLE IF NOT EXISTS events ON CLUSTER 'blue' AS events_local ENGINE = Distributed('blue', currentDatabase(), 'events_local', cityHash64(project_id, user_number))`,
    ],
  },
  {
    name: "engine arguments stay, after the replication's own",
    input: `CREATE TABLE profiles (project_id UInt32, version UInt64) ENGINE=ReplacingMergeTree(version) ORDER BY project_id`,
    expected: [
      `CREATE TABLE profiles_local ON CLUSTER 'blue'\n(project_id UInt32, version UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/profiles', '{replica}', version) ORDER BY project_id`,
      `CREATE TABLE profiles ON CLUSTER 'blue' AS profiles_local ENGINE = Distributed('blue', currentDatabase(), 'profiles_local', cityHash64(project_id))`,
    ],
  },
  {
    name: "empty engine arguments are replaced",
    input: `CREATE TABLE marks (id UInt8) ENGINE = MergeTree() ORDER BY id`,
    expected: [
      `CREATE TABLE marks_local ON CLUSTER 'blue'\n(id UInt8) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/marks', '{replica}') ORDER BY id`,
      `CREATE TABLE marks ON CLUSTER 'blue' AS marks_local ENGINE = Distributed('blue', currentDatabase(), 'marks_local', rand())`,
    ],
  },
  {
    name: "a materialized view reads and fills the local tables",
    input: `CREATE MATERIALIZED VIEW IF NOT EXISTS steps_from_events TO steps AS\nSELECT project_id, extract(hour FROM timestamp) FROM events WHERE event != ''`,
    expected: [
      `CREATE MATERIALIZED VIEW IF NOT EXISTS steps_from_events ON CLUSTER 'blue' TO steps_local AS\nSELECT project_id, extract(hour FROM timestamp) FROM events_local WHERE event != ''`,
    ],
  },
  {
    name: "a new column is added to both",
    input: `ALTER TABLE events ADD COLUMN IF NOT EXISTS city String`,
    expected: [
      `ALTER TABLE events_local ON CLUSTER 'blue' ADD COLUMN IF NOT EXISTS city String`,
      `ALTER TABLE events ON CLUSTER 'blue' ADD COLUMN IF NOT EXISTS city String`,
    ],
  },
  {
    name: "an index only concerns the local one",
    input: `ALTER TABLE events ADD INDEX IF NOT EXISTS by_id event_id TYPE bloom_filter GRANULARITY 1`,
    expected: [
      `ALTER TABLE events_local ON CLUSTER 'blue' ADD INDEX IF NOT EXISTS by_id event_id TYPE bloom_filter GRANULARITY 1`,
    ],
  },
  {
    name: "a dropped table is dropped twice, the distributed one first",
    input: `DROP TABLE IF EXISTS marks`,
    expected: [
      `DROP TABLE IF EXISTS marks ON CLUSTER 'blue'`,
      `DROP TABLE IF EXISTS marks_local ON CLUSTER 'blue'`,
    ],
  },
  {
    name: "a table is emptied on every server",
    input: `TRUNCATE TABLE IF EXISTS marks`,
    expected: [`TRUNCATE TABLE IF EXISTS marks_local ON CLUSTER 'blue'`],
  },
  {
    name: "tables change places on every server",
    input: `EXCHANGE TABLES marks AND marks_next`,
    expected: [`EXCHANGE TABLES marks_local AND marks_next_local ON CLUSTER 'blue'`],
  },
  {
    name: "rows are copied through the distributed tables",
    input: `INSERT INTO marks (a) SELECT a FROM steps`,
    expected: [`INSERT INTO marks (a) SELECT a FROM steps`],
  },
  {
    name: "functions exist on every server",
    input: `CREATE OR REPLACE FUNCTION plus_one AS (x) -> x + 1`,
    expected: [`CREATE OR REPLACE FUNCTION plus_one ON CLUSTER 'blue' AS (x) -> x + 1`],
  },
  {
    name: "so do views",
    input: `CREATE VIEW IF NOT EXISTS recent AS SELECT 1`,
    expected: [`CREATE VIEW IF NOT EXISTS recent ON CLUSTER 'blue' AS SELECT 1`],
  },
];

it.each(cases)("$name", ({ input, expected }) => {
  expect(renderForCluster(input, "blue")).toEqual(expected);
});

it("quotes the cluster's name", () => {
  expect(renderForCluster("DROP VIEW v", "o'brien")).toEqual([String.raw`DROP VIEW v ON CLUSTER 'o\'brien'`]);
});

it("refuses what it does not know", () => {
  expect(() => renderForCluster("RENAME TABLE a TO b", "blue")).toThrow("cannot be rendered");
  expect(() => renderForCluster("CREATE TABLE a (b UInt8) ENGINE = Memory", "blue")).toThrow(
    "MergeTree family",
  );
});

it("renders every migration there is", () => {
  const folder = join(import.meta.dirname, "..", "migrations", "clickhouse");
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    for (const statement of readFileSync(join(folder, file), "utf8").split(/;[ \t]*\n/)) {
      if (!/^\s*[A-Z]/m.test(statement.replace(/^--.*$/gm, ""))) continue;
      for (const rendered of renderForCluster(statement, "blue")) {
        if (!rendered.startsWith("INSERT INTO")) expect(rendered).toContain("ON CLUSTER 'blue'");
      }
    }
  }
});
