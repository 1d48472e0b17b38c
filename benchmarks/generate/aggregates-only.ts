// Events that leave only what is made of them: steps and rollups, as a project has them whose raw events have
// expired. A billion events need 10 GB this way instead of 60.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { aggregatedColumns, type EventTarget } from "./event-target.ts";

interface View {
  readonly name: string;
  readonly target: string;
  readonly select: string;
}

/** A table that keeps no row, with the same views behind it as `events` has. */
export async function withAggregatesOnly(
  clickhouse: ClickHouse,
  work: (target: EventTarget) => Promise<void>,
): Promise<void> {
  const table = `generated_gone_${process.pid}`;
  const views = await viewsOfEvents(clickhouse);
  const made = views.map(({ name }) => `${table}_${name}`);
  try {
    await clickhouse.command({
      query: `CREATE TABLE ${table} ENGINE = Null AS SELECT ${aggregatedColumns.join(", ")} FROM events LIMIT 0`,
    });
    for (const [index, { target, select }] of views.entries()) {
      const query = `CREATE MATERIALIZED VIEW ${made[index]} TO ${target} AS ${from(select, table)}`;
      await clickhouse.command({ query });
    }
    await work({ table, columns: aggregatedColumns });
  } finally {
    for (const view of made) await clickhouse.command({ query: `DROP VIEW IF EXISTS ${view} SYNC` });
    await clickhouse.command({ query: `DROP TABLE IF EXISTS ${table} SYNC` });
  }
}

const source = /\bFROM\s+(?:`?\w+`?\.)?`?events`?(?=\s|$)/;

function from(select: string, table: string): string {
  return select.replace(source, `FROM ${table}`);
}

/** Read from the store, so that views which later migrations add are not forgotten. */
async function viewsOfEvents(clickhouse: ClickHouse): Promise<View[]> {
  const result = await clickhouse.query({
    query: `SELECT name, as_select, create_table_query FROM system.tables
      WHERE database = currentDatabase() AND engine = 'MaterializedView' ORDER BY name`,
    format: "JSONEachRow",
  });
  const rows = await result.json<{ name: string; as_select: string; create_table_query: string }>();
  const views = rows
    .filter((row) => source.test(row.as_select))
    // Those of clicks of links read what stands in their properties; no such event is generated.
    .filter((row) => !/\bproperties\b/.test(row.as_select))
    .map((row) => ({
      name: row.name,
      target: / TO (\S+)/.exec(row.create_table_query)?.[1] ?? "",
      select: row.as_select,
    }));
  if (views.length === 0) throw new Error("no view of the table `events` was found: is the store a cluster?");
  return views;
}
