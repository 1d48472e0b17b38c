// Some days of a selector: look how many values they have ▸ compute and write them under a new generation ▸ see how
// many rows were read ▸ say which of the days count.
//
// A day counts only when exactly those rows were read that its rollup had counted before: rows that are being stored
// meanwhile would otherwise be taken for others that came later.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { selectorLimits, type SelectorStatement } from "#schemas/selectors/selector.ts";
import { dayMs, type DueDay } from "./find-due-days.ts";
import type { SelectorClaim } from "./selector-ledger.ts";

/** What one statement may use of the store, which answers queries meanwhile. */
const settings = {
  async_insert: 0,
  // In a cluster: answered when the shard has it; spread by the server that was asked.
  distributed_foreground_insert: 1,
  parallel_distributed_insert_select: "0",
  max_execution_time: 50,
  max_memory_usage: "1000000000",
  max_bytes_before_external_group_by: "400000000",
  max_threads: 1,
  output_format_json_quote_64bit_integers: 0,
} as const;

/** Stands for the values of a day whose values are too long, or whose rows are gone: nothing can be kept. */
const tooMany = 2 ** 32;

export interface Written {
  readonly daysKept: number;
  readonly daysRefused: number;
  /** Rows were being stored meanwhile. */
  readonly daysLeft: number;
}

interface DaysToWrite {
  readonly claim: SelectorClaim;
  readonly statement: SelectorStatement;
  readonly generation: number;
  readonly days: readonly DueDay[];
}

export async function writeDays(
  clickhouse: ClickHouse,
  { claim, statement, generation, days }: DaysToWrite,
  signal: AbortSignal,
): Promise<Written> {
  const run = { clickhouse, claim, statement, signal };
  const found =
    claim.definition.breakdown === undefined ? new Map<string, number>() : await countValues(run, days);
  const fits = days.filter((day) => (found.get(keyOf(day)) ?? 0) <= claim.valuesMax);
  const read = fits.length === 0 ? new Map<string, number>() : await computeDays(run, fits, generation);
  const states = days.flatMap((day) => {
    const values = found.get(keyOf(day)) ?? 0;
    if (values > claim.valuesMax) return [{ ...day, kept: false, values }];
    const rows = read.get(keyOf(day)) ?? 0;
    // Raw events go earlier than rollups do.
    if (rows < day.rows) return [{ ...day, kept: false, values: tooMany }];
    return rows > day.rows ? [] : [{ ...day, kept: true, values }];
  });
  if (states.length > 0) {
    await clickhouse.insert({
      table: "partial_state",
      columns: [
        "project_id",
        "selector_id",
        "event",
        "day",
        "generation",
        "rows_seen",
        "kept",
        "values_found",
      ],
      values: states.map(({ event, day, rows, kept, values }) => [
        claim.projectId,
        claim.selectorId,
        event,
        day,
        generation,
        rows,
        kept ? 1 : 0,
        values,
      ]),
      format: "JSONCompactEachRow",
      clickhouse_settings: { async_insert: 0, distributed_foreground_insert: 1 },
      abort_signal: signal,
    });
  }
  const daysKept = states.filter(({ kept }) => kept).length;
  return {
    daysKept,
    daysRefused: states.length - daysKept,
    daysLeft: days.length - states.length,
  };
}

interface Run {
  readonly clickhouse: ClickHouse;
  readonly claim: SelectorClaim;
  readonly statement: SelectorStatement;
  readonly signal: AbortSignal;
}

function keyOf({ event, day }: Pick<DueDay, "event" | "day">): string {
  return `${day} ${event}`;
}

/** Values of each day, about: what is beyond the bound is not kept, and what is little beyond it may be. */
async function countValues({ clickhouse, claim, statement, signal }: Run, days: readonly DueDay[]) {
  const result = await clickhouse.query({
    query: `SELECT event, day, uniqIf(text, matches), maxIf(length(text), matches)
      FROM (${rowsSql(statement, days)}) GROUP BY event, day`,
    query_params: { ...statement.parameters, ...rowsParameters(claim, days) },
    use_multipart_params_auto: true,
    format: "JSONCompact",
    clickhouse_settings: settings,
    abort_signal: signal,
  });
  const rows = (await result.json<[string, number, number, number | null]>()).data;
  return new Map(
    rows.map(([event, day, values, bytes]) => [
      keyOf({ event, day }),
      (bytes ?? 0) > selectorLimits.valueBytesMax ? tooMany : values,
    ]),
  );
}

/** Answers how many rows were read of each day. */
async function computeDays(
  { clickhouse, claim, statement, signal }: Run,
  days: readonly DueDay[],
  generation: number,
): Promise<Map<string, number>> {
  const users = claim.definition.number === undefined ? "matches" : "0";
  const parameters = { ...rowsParameters(claim, days), selector_id: claim.selectorId, generation };
  await clickhouse.command({
    query: `INSERT INTO partial_hour (project_id, selector_id, event, day, generation, hour, value, rows_seen, events,
        users, numbers, number_sum, number_min, number_max)
      SELECT {project_id:UInt32}, {selector_id:UInt32}, event, day, {generation:UInt64}, hour,
        if(matches, text, NULL) AS kept_value, count(), countIf(matches), groupBitmapStateIf(user_number, ${users}),
        countIf(matches AND isNotNull(number)),
        sumKahanStateIf(assumeNotNull(number), matches AND isNotNull(number)),
        minIf(number, matches), maxIf(number, matches)
      FROM (${rowsSql(statement, days)})
      GROUP BY event, day, hour, kept_value`,
    query_params: { ...statement.parameters, ...parameters },
    use_multipart_params_auto: true,
    clickhouse_settings: settings,
    abort_signal: signal,
  });
  const result = await clickhouse.query({
    query: `SELECT event, day, sum(rows_seen) FROM partial_day
      WHERE project_id = {project_id:UInt32} AND selector_id = {selector_id:UInt32} AND generation = {generation:UInt64}
        AND event IN {wanted_events:Array(String)} AND day IN {of_days:Array(Int32)}
      GROUP BY event, day`,
    query_params: parameters,
    use_multipart_params_auto: true,
    format: "JSONCompact",
    clickhouse_settings: settings,
    abort_signal: signal,
  });
  const rows = (await result.json<[string, number, number]>()).data;
  return new Map(rows.map(([event, day, seen]) => [keyOf({ event, day }), seen]));
}

/** The rows of these days of these events. */
function rowsSql({ matches, value, number }: SelectorStatement, days: readonly DueDay[]): string {
  const ranges = rangesOf(days).map(
    ([first, last]) =>
      `timestamp BETWEEN fromUnixTimestamp64Milli(toInt64(${first * dayMs}), 'UTC')
        AND fromUnixTimestamp64Milli(toInt64(${(last + 1) * dayMs - 1}), 'UTC')`,
  );
  return `SELECT event, toInt32(intDiv(toUnixTimestamp64Milli(timestamp), ${dayMs})) AS day,
      toInt32(intDiv(toUnixTimestamp64Milli(timestamp), 3600000)) AS hour,
      user_number, ${matches} AS matches, ${value} AS text, ${number} AS number
    FROM events
    WHERE project_id = {project_id:UInt32} AND event IN {wanted_events:Array(String)} AND (${ranges.join(" OR ")})
      AND (event, toInt32(intDiv(toUnixTimestamp64Milli(timestamp), ${dayMs})))
        IN arrayZip({of_events:Array(String)}, {of_days:Array(Int32)})`;
}

function rowsParameters({ projectId }: SelectorClaim, days: readonly DueDay[]): Record<string, unknown> {
  return {
    project_id: projectId,
    wanted_events: [...new Set(days.map(({ event }) => event))],
    of_events: days.map(({ event }) => event),
    of_days: days.map(({ day }) => day),
  };
}

/** First and last day of each stretch without a gap. */
function rangesOf(days: readonly DueDay[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const day of [...new Set(days.map((each) => each.day))].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last?.[1] === day - 1) last[1] = day;
    else ranges.push([day, day]);
  }
  return ranges;
}
