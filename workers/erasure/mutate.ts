// Changes of stored rows: begun on every server, and waited for until no part holds what was changed.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { renderForCluster } from "#schemas/clickhouse/render-for-cluster.ts";

const lookMsMin = 20;
const lookMsMax = 2_000;

export interface MutableStore {
  readonly clickhouse: ClickHouse;
  readonly clickhouseCluster: string | undefined;
}

/** `changes` are what follows ALTER TABLE <table>, by table. Doing them twice must be the same as once. */
export async function mutate(
  store: MutableStore,
  changes: readonly { readonly table: string; readonly change: string }[],
  parameters: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<void> {
  for (const { table, change } of changes) {
    const statement = `ALTER TABLE ${table} ${change}`;
    const { clickhouseCluster: cluster } = store;
    for (const query of cluster === undefined ? [statement] : renderForCluster(statement, cluster)) {
      await store.clickhouse.command({
        query,
        query_params: { ...parameters },
        // Long lists of numbers do not fit into an address.
        use_multipart_params_auto: true,
        // Parts of years are rewritten, which may take longer than a request.
        clickhouse_settings: { mutations_sync: "0" },
        abort_signal: signal,
      });
    }
  }
  await settled(
    store,
    changes.map(({ table }) => table),
    signal,
  );
}

/** Resolves once nothing of what was begun before the call is left to do; throws what the store says it fails at. */
async function settled(store: MutableStore, tables: readonly string[], signal: AbortSignal): Promise<void> {
  const { clickhouse, clickhouseCluster: cluster } = store;
  const mutations =
    cluster === undefined ? "system.mutations" : `clusterAllReplicas('${cluster}', system.mutations)`;
  const names = cluster === undefined ? tables : tables.map((table) => `${table}_local`);
  for (let waitMs = lookMsMin; ; waitMs = Math.min(waitMs * 1.5, lookMsMax)) {
    const result = await clickhouse.query({
      query: `SELECT count() AS open, max(latest_fail_reason) AS failure FROM ${mutations}
        WHERE database = currentDatabase() AND table IN {tables:Array(String)} AND NOT is_done`,
      query_params: { tables: names },
      format: "JSONEachRow",
      abort_signal: signal,
    });
    const [row] = await result.json<{ open: string; failure: string }>();
    if (row === undefined || Number(row.open) === 0) return;
    if (row.failure !== "") throw new Error(`rows could not be changed: ${row.failure}`);
    await sleep(waitMs, undefined, { signal });
  }
}
