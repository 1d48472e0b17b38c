// The closed days of a selector that are to be computed: never done, or rows came since.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { MsRange } from "#schemas/retention/month.ts";
import type { SelectorClaim, SelectorDays } from "./selector-ledger.ts";

export const dayMs = 86_400_000;

/** Older days are always answered from rows. */
const daysMax = 800;
/** Found at once; the others wait for the next round. */
const dueDaysMax = 5_000;
/** A day that was done is not done again before: late events come in trickles. */
const againSecondsMin = 60;
/** A day that cannot be kept is looked at again after this, or when rows came. */
const refusedSeconds = 86_400;

export interface DueDay {
  readonly event: string;
  /** Since 1970, in UTC. */
  readonly day: number;
  /** Rows of the event on the day, as its rollup counts them. */
  readonly rows: number;
}

/** Newest first. Of days in `gone` there are no rows any more: what is kept of them stays, nothing is made. */
export async function findDueDays(
  clickhouse: ClickHouse,
  claim: SelectorClaim,
  nowMs: number,
  gone: readonly MsRange[],
  signal: AbortSignal,
): Promise<{ due: DueDay[]; days: SelectorDays }> {
  const { event } = claim.definition;
  // The day that is not over changes with every event.
  const endDay = Math.floor(nowMs / dayMs);
  const parameters = {
    project_id: claim.projectId,
    selector_id: claim.selectorId,
    first_day: endDay - daysMax,
    end_day: endDay,
    event: event ?? "",
    values_max: claim.valuesMax,
    again_before: nowMs / 1000 - againSecondsMin,
    tried_after: nowMs / 1000 - refusedSeconds,
    limit: dueDaysMax,
    gone_first: gone.map(({ fromMs }) => fromMs / dayMs),
    gone_end: gone.map(({ endMs }) => endMs / dayMs),
  };
  const ofEvent = event === null ? "" : "AND event = {event:String}";
  const states = `SELECT event, day_number, sum(now) AS rows_now,
      sum(seen) = rows_now AND max(is_kept) = 1 AS kept,
      sum(seen) = rows_now AND max(is_kept) = 0 AND max(found) > {values_max:UInt64} AND max(written) > {tried_after:Float64} AS refused,
      max(written) < {again_before:Float64} AS may_begin,
      arrayExists((first, last) -> day_number >= first AND day_number < last, {gone_first:Array(Int32)}, {gone_end:Array(Int32)}) AS is_gone
    FROM (
      SELECT event, toInt32(intDiv(toUnixTimestamp64Second(day), 86400)) AS day_number, sum(events) AS now,
        toUInt64(0) AS seen, toUInt8(0) AS is_kept, toUInt64(0) AS found, toFloat64(0) AS written
      FROM rollup_day
      WHERE project_id = {project_id:UInt32} ${ofEvent}
        AND day >= fromUnixTimestamp64Second({first_day:Int64} * 86400, 'UTC')
        AND day < fromUnixTimestamp64Second({end_day:Int64} * 86400, 'UTC')
      GROUP BY event, day_number
      UNION ALL
      SELECT event, day AS day_number, toUInt64(0), argMax(rows_seen, generation), argMax(kept, generation),
        argMax(values_found, generation), toFloat64(argMax(written_at, generation))
      FROM partial_state
      WHERE project_id = {project_id:UInt32} AND selector_id = {selector_id:UInt32} ${ofEvent}
        AND day >= {first_day:Int32} AND day < {end_day:Int32}
      GROUP BY event, day_number
    )
    GROUP BY event, day_number HAVING rows_now > 0`;
  const run = async <Row>(query: string): Promise<Row[]> => {
    const result = await clickhouse.query({
      query,
      query_params: parameters,
      format: "JSONCompact",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      abort_signal: signal,
    });
    return (await result.json<Row>()).data;
  };
  const [totals] = await run<[number, number, number]>(
    `SELECT countIf(kept), countIf(refused), countIf(NOT kept AND NOT refused AND NOT is_gone) FROM (${states})`,
  );
  const [kept, refused, behind] = totals ?? [0, 0, 0];
  const due =
    behind === 0
      ? []
      : await run<[string, number, number]>(
          `SELECT event, day_number, rows_now FROM (${states}) WHERE NOT kept AND NOT refused AND NOT is_gone AND may_begin
           ORDER BY day_number DESC, event LIMIT {limit:UInt32}`,
        );
  return {
    due: due.map(([name, day, rows]) => ({ event: name, day, rows })),
    days: { kept, refused, behind },
  };
}

/** Names of events in one statement: the store takes 128 KiB in one parameter. */
const nameBytesMax = 60_000;

/** The first of `due`, as many as one statement should read; one at least. */
export function takeDays(due: readonly DueDay[], rowsMax: number, daysAtOnceMax: number): DueDay[] {
  const taken: DueDay[] = [];
  let rows = 0;
  let nameBytes = 0;
  for (const day of due) {
    rows += day.rows;
    nameBytes += Buffer.byteLength(JSON.stringify(day.event)) + 1;
    const full = rows > rowsMax || taken.length >= daysAtOnceMax || nameBytes > nameBytesMax;
    if (taken.length > 0 && full) break;
    taken.push(day);
  }
  return taken;
}
