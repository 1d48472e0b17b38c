// GET /v1/events/names: names of events with counts, persons, and when they were first and last seen in a range.
// From rollups: what it costs grows with names and days, not with events.
import type { EventName } from "#schemas/query/catalogue.ts";
import type { Call } from "#streams/services.ts";
import { answerQuery } from "../answer-query.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { planSlices, rollupsOfUsers, type Slice } from "../events/plan-slices.ts";
import { parseBody } from "../parse-body.ts";
import { personSql, personsOfSql } from "../people/person-sql.ts";
import type { People } from "../people/people.ts";
import type { QueryContext } from "../query-context.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";
import type { Statement } from "../store/run-statement.ts";
import { pageOf } from "./cursor.ts";
import { afterSql, searchSql } from "./list-sql.ts";
import { readNamesRequest, type ListRequest } from "./request.ts";

export function eventNames(context: QueryContext, payload: Uint8Array, call: Call): Promise<object> {
  return answerQuery({ read: readNamesRequest, answer: answerNames }, context, parseBody(payload), call);
}

/** One row of the first statement; times in epoch milliseconds, to the granule of the table they come from. */
interface NameRow {
  readonly name: string;
  readonly count: number;
  readonly users: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export async function answerNames(
  request: ListRequest,
  run: QueryRun,
): Promise<{ events: EventName[]; next: string | null }> {
  const slices = planSlices(request, [], rollupsOfUsers);
  const rows = await run.rows(
    { step: "names", sources: slices.map(({ table }) => table) },
    compileNames(request, run.people, slices),
  );
  const names = rows.map(([name, count, users, firstMs, lastMs]) => ({
    name: name as string,
    count: count as number,
    users: users as number,
    firstMs: Number(firstMs),
    lastMs: Number(lastMs),
  }));
  const { page, next } = pageOf(names, request.limit, (entry) => entry);
  const seen = page.length === 0 ? new Map<string, Seen>() : await readSeen(run, request, page);
  return {
    events: page.map(({ name, count, users, firstMs, lastMs }) => {
      const minutes = seen.get(name);
      return {
        name,
        count,
        users,
        first_seen: iso(Math.max(request.fromMs, minutes?.firstMs ?? firstMs)),
        last_seen: iso(Math.max(request.fromMs, minutes?.lastMs ?? lastMs)),
      };
    }),
    next,
  };
}

const timeColumns = { rollup_day: "day", rollup_hour: "hour", steps: "timestamp" } as const;

/** Columns: name, events, persons, first and last granule. One row more than asked for tells that there is more. */
function compileNames(request: ListRequest, people: People, slices: readonly Slice[]): Statement {
  const parameters = new Parameters();
  const parts = slices.map((slice) => {
    const rollup = slice.table !== "steps";
    const column = timeColumns[slice.table as keyof typeof timeColumns];
    const epochMs = rollup
      ? `toUnixTimestamp64Second(${column}) * 1000`
      : `toUnixTimestamp64Milli(${column})`;
    const conditions = [
      rangeSql(slice.table, slice, parameters),
      ...searchSql("event", request.search, "contains", parameters),
    ];
    return [
      `SELECT toString(event) AS name, ${rollup ? "sum(events)" : "count()"} AS slice_events,`,
      `${rollup ? "groupBitmapMergeState(users)" : `groupBitmapState(${personSql(people)})`} AS slice_users,`,
      rollup
        ? `${epochMs} AS slice_first, slice_first AS slice_last`
        : `min(${epochMs}) AS slice_first, max(${epochMs}) AS slice_last`,
      fromTable(slice.table, conditions),
      // A rollup's row may be of nothing but events that were taken back.
      rollup ? `GROUP BY name, ${column} HAVING slice_events > 0` : "GROUP BY name",
    ].join("\n");
  });
  const sql = [
    "SELECT name, sum(slice_events) AS total,",
    `bitmapCardinality(${personsOfSql(people, "groupBitmapMergeState(slice_users)")}) AS persons,`,
    "min(slice_first), max(slice_last)",
    `FROM (\n${parts.join("\nUNION ALL\n")}\n)`,
    "GROUP BY name",
    afterSql({ count: "total", name: "name" }, request.after, parameters),
    `ORDER BY total DESC, name LIMIT ${parameters.bind("UInt32", request.limit + 1)}`,
  ].join("\n");
  return { sql, parameters: parameters.values };
}

interface Seen {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Names whose first and last granule are looked at in one statement. */
const namesAtOnceMax = 100;
const granuleMsMax = 86_400_000;
const minuteMs = 60_000;

/** First and last minute of each name, looked for in its first and last granule only. */
async function readSeen(
  run: QueryRun,
  range: ListRequest,
  names: readonly NameRow[],
): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>();
  for (let start = 0; start < names.length; start += namesAtOnceMax) {
    const parameters = new Parameters();
    const windows = names.slice(start, start + namesAtOnceMax).map(({ name, firstMs, lastMs }) => {
      const window = (atMs: number): string => {
        const fromMs = Math.floor(atMs / minuteMs) * minuteMs;
        const endMs = Math.min(range.endMs, fromMs + granuleMsMax);
        return rangeSql("rollup_minute", { fromMs, endMs }, parameters);
      };
      return `event = ${parameters.bind("String", name)} AND (${window(firstMs)} OR ${window(lastMs)})`;
    });
    const sql = [
      "SELECT name, min(at), max(at) FROM (",
      "SELECT toString(event) AS name, toUnixTimestamp64Second(minute) AS at",
      fromTable("rollup_minute", [windows.map((each) => `(${each})`).join(" OR ")]),
      "GROUP BY name, at HAVING sum(events) > 0) GROUP BY name",
    ].join("\n");
    const rows = await run.rows(
      { step: "first and last seen", sources: ["rollup_minute"] },
      { sql, parameters: parameters.values },
    );
    for (const [name, first, last] of rows) {
      seen.set(name as string, { firstMs: Number(first) * 1000, lastMs: Number(last) * 1000 });
    }
  }
  return seen;
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
