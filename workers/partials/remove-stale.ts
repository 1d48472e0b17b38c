// Removes what no query can be reading any more: older generations of days that were replaced a while ago, what a try
// left that did not end, and selectors that nobody wants.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { renderForCluster } from "#schemas/clickhouse/render-for-cluster.ts";
import { unusedSecondsMin, type SelectorLedger } from "./selector-ledger.ts";

/** Selectors whose older generations are removed in one round. */
const selectorsPerRoundMax = 50;
/** Days of a selector: fewer are not worth rewriting parts for, more wait for the next round. */
const staleDaysMin = 100;
const staleDaysMax = 400;

interface Stores {
  readonly clickhouse: ClickHouse;
  readonly clickhouseCluster: string | undefined;
  readonly ledger: SelectorLedger;
}

export async function removeUnused(
  { clickhouse, clickhouseCluster, ledger }: Stores,
  signal: AbortSignal,
): Promise<number> {
  const unused = await ledger.takeUnused();
  if (unused.length === 0) return 0;
  const parameters = {
    projects: [...new Set(unused.map(({ projectId }) => projectId))],
    selectors: unused.map(({ selectorId }) => selectorId),
  };
  for (const table of ["partial_state", "partial_day", "partial_hour"]) {
    await remove(
      { clickhouse, clickhouseCluster },
      `ALTER TABLE ${table} DELETE WHERE project_id IN {projects:Array(UInt32)} AND selector_id IN {selectors:Array(UInt32)}`,
      parameters,
      signal,
    );
  }
  await ledger.forget(parameters.selectors);
  return unused.length;
}

/** Answers how many days were removed. `daysMin`: of a selector, for it to be worth the work. */
export async function removeReplaced(
  { clickhouse, clickhouseCluster }: Omit<Stores, "ledger">,
  signal: AbortSignal,
  daysMin = staleDaysMin,
): Promise<number> {
  // Their newest generation is older than any query that can still have seen the one before.
  const result = await clickhouse.query({
    query: `SELECT project_id, selector_id, groupArray({days:UInt32})(event), groupArray({days:UInt32})(day),
        groupArray({days:UInt32})(generation)
      FROM (SELECT DISTINCT project_id, selector_id, event, day, generation FROM partial_day) AS kept
      JOIN (SELECT project_id, selector_id, event, day, max(generation) AS newest, max(written_at) AS newest_at
            FROM partial_state GROUP BY project_id, selector_id, event, day) AS states
        USING (project_id, selector_id, event, day)
      WHERE generation < newest AND newest_at < now64(3) - toIntervalSecond({seconds:UInt32})
      GROUP BY project_id, selector_id HAVING count() >= {least:UInt32}
      ORDER BY count() DESC LIMIT {selectors:UInt32}`,
    query_params: {
      seconds: unusedSecondsMin,
      least: daysMin,
      selectors: selectorsPerRoundMax,
      days: staleDaysMax,
    },
    format: "JSONCompact",
    clickhouse_settings: { max_threads: 1, output_format_json_quote_64bit_integers: 0 },
    abort_signal: signal,
  });
  const stale = (await result.json<[number, number, string[], number[], number[]]>()).data;
  let removed = 0;
  for (const [project, selector, events, days, generations] of stale) {
    for (const table of ["partial_day", "partial_hour"]) {
      await remove(
        { clickhouse, clickhouseCluster },
        `ALTER TABLE ${table} DELETE WHERE project_id = {project:UInt32} AND selector_id = {selector:UInt32}
          AND (event, day, generation) IN arrayZip({events:Array(String)}, {days:Array(Int32)}, {generations:Array(UInt64)})`,
        { project, selector, events, days, generations },
        signal,
      );
    }
    removed += days.length;
  }
  return removed;
}

/** A Distributed table refuses ALTER … DELETE: in a cluster it goes to the table below, on every server. */
async function remove(
  { clickhouse, clickhouseCluster }: Omit<Stores, "ledger">,
  statement: string,
  parameters: Record<string, unknown>,
  signal: AbortSignal,
): Promise<void> {
  const statements =
    clickhouseCluster === undefined ? [statement] : renderForCluster(statement, clickhouseCluster);
  for (const query of statements) {
    await clickhouse.command({
      query,
      query_params: parameters,
      // Long lists of values do not fit into an address.
      use_multipart_params_auto: true,
      clickhouse_settings: { mutations_sync: "1" },
      abort_signal: signal,
    });
  }
}
