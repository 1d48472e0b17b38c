// Removes counts and sets of users that are too old. Their tables are partitioned by years that all projects share, and
// small: here rows go, once a month and project.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { mutate } from "../erasure/mutate.ts";
import { aggregatesFromMs, type ProjectPolicy } from "./decide-expiry.ts";
import type { RawStore } from "./raw-store.ts";

const day = "fromUnixTimestamp64Milli({until:Int64}, 'UTC')";
const changes = [
  // First what says which of the others count.
  { table: "partial_state", before: "day < {until_day:Int64}" },
  { table: "partial_hour", before: "day < {until_day:Int64}" },
  { table: "partial_day", before: "day < {until_day:Int64}" },
  { table: "funnel_days", before: "start_ms < {until:Int64}" },
  { table: "rollup_minute", before: `minute < ${day}` },
  { table: "rollup_hour", before: `hour < ${day}` },
  { table: "rollup_day", before: `day < ${day}` },
  { table: "rollup_hour_any", before: `hour < ${day}` },
  { table: "rollup_day_any", before: `day < ${day}` },
  { table: "link_clicks_quarter", before: `quarter < ${day}` },
  { table: "link_clicks_day", before: `day < ${day}` },
  { table: "link_values_quarter", before: `quarter < ${day}` },
  { table: "link_values_day", before: `day < ${day}` },
].map(({ table, before }) => ({
  table,
  change: `DELETE WHERE project_id = {project:UInt32} AND ${before}`,
}));

export async function removeAggregates(
  { store, postgres }: { readonly store: RawStore; readonly postgres: Postgres },
  policies: readonly ProjectPolicy[],
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (const { projectId, aggregateDays } of policies) {
    if (aggregateDays === undefined) continue;
    const untilMs = aggregatesFromMs(aggregateDays, nowMs);
    const parameters = { project: projectId, until: untilMs, until_day: untilMs / 86_400_000 };
    const result = await store.clickhouse.query({
      query: `SELECT count() AS rows FROM rollup_minute WHERE project_id = {project:UInt32} AND minute < ${day}`,
      query_params: parameters,
      format: "JSONEachRow",
      abort_signal: signal,
    });
    const [found] = await result.json<{ rows: string }>();
    if (Number(found?.rows ?? 0) === 0) continue;
    // Before the first of them goes.
    const advance = `UPDATE projects SET answers_epoch = answers_epoch + 1,
      aggregates_from = greatest(aggregates_from, to_timestamp($2::float8 / 1000)) WHERE id = $1`;
    await postgres.query(advance, [projectId, untilMs]);
    await mutate(store, changes, parameters, signal);
    await postgres.query(advance, [projectId, untilMs]);
  }
}
