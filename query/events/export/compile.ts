// The rows of an export as one statement: one snapshot of the store, read by one thread, part after part.
// No ORDER BY: merging hundreds of sorted parts would hold buffers for each (400 MB at 13 parts, measured), one
// after another takes 55 MB whatever the size. Rows come by month, within a stored part by event and time, and
// in the same order again as long as the store does not rearrange its parts.
import type { ExportFormat } from "#schemas/query/export.ts";
import type { People } from "../../people/people.ts";
import { personSql } from "../../people/person-sql.ts";
import { filtersSql } from "../../sql/filters.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import type { Statement } from "../../store/run-statement.ts";
import { rangeSql } from "../bucket-sql.ts";
import type { ExportRequest } from "./request.ts";

const textColumns = ["event", "event_id", "user_id", "anonymous_id", "session_id"] as const;
const timeColumns = ["timestamp", "received_at", "stored_at"] as const;
const enrichedColumns = [
  "page_url",
  "referrer_domain",
  "utm_source",
  "utm_medium",
  "utm_campaign",
  "browser",
  "os",
  "device",
] as const;

const storeFormats = { ndjson: "TSVRaw", csv: "CSVWithNames", parquet: "Parquet" } as const;

export function compileExport(request: ExportRequest, people: People): Statement {
  const parameters = new Parameters();
  const conditions = [rangeSql("events", request, parameters)];
  if (request.events.length === 1) conditions.push(`event = ${parameters.bind("String", request.events[0])}`);
  else if (request.events.length > 1)
    conditions.push(`event IN ${parameters.bind("Array(String)", request.events)}`);
  if (request.userId !== undefined) conditions.push(`user_id = ${parameters.bind("String", request.userId)}`);
  if (request.anonymousId !== undefined) {
    conditions.push(`anonymous_id = ${parameters.bind("String", request.anonymousId)}`);
  }
  if (request.filters.length > 0) conditions.push(filtersSql(request.filters, { parameters, people }));
  const sql = [
    `SELECT ${columnsSql(request.format, people)}`,
    fromTable("events", conditions),
    `FORMAT ${storeFormats[request.format]}`,
  ].join("\n");
  return { sql, parameters: parameters.values };
}

function columnsSql(format: ExportFormat, people: People): string {
  if (format === "ndjson") return lineSql(people);
  // Names of columns win over these aliases (a setting of the run), so that conditions see the columns.
  const time = (column: string): string =>
    // Parquet has a type for instants; CSV has only text.
    format === "parquet" ? column : `${isoSql(column)} AS ${column}`;
  const columns = [
    ...textColumns.map((column) => `toString(${column}) AS ${column}`),
    `${personIdSql(people)} AS person_id`,
    ...timeColumns.map(time),
    "toJSONString(properties) AS properties",
    "context",
    ...enrichedColumns.map((column) => `toString(${column}) AS ${column}`),
    "is_bot",
  ];
  return columns.join(", ");
}

/** One JSON object as text: properties and context go in as they are, without being taken apart. */
function lineSql(people: People): string {
  const text = (column: string): string => `if(${column} = '', 'null', toJSONString(toString(${column})))`;
  const members: [name: string, sql: string][] = [
    ...textColumns.map((column): [string, string] => [column, text(column)]),
    ["person_id", `'"', ${personIdSql(people)}, '"'`],
    ...timeColumns.map((column): [string, string] => [column, `'"', ${isoSql(column)}, '"'`]),
    ["properties", "toJSONString(properties)"],
    // Line ends between members are white space in JSON; inside strings they are escaped.
    ["context", "if(context = '', '{}', replaceAll(replaceAll(context, char(10), ' '), char(13), ' '))"],
    ...enrichedColumns.map((column): [string, string] => [column, text(column)]),
    ["is_bot", "if(is_bot = 1, 'true', 'false')"],
  ];
  const parts = members.map(([name, sql], index) => `'${index === 0 ? "{" : ","}"${name}":', ${sql}`);
  return `concat(${parts.join(", ")}, '}') AS line`;
}

/** The same for all ids that are joined now; ids are text, like everywhere outside. */
function personIdSql(people: People): string {
  return `toString(${personSql(people)})`;
}

function isoSql(column: string): string {
  return `concat(replaceOne(toString(${column}), ' ', 'T'), 'Z')`;
}
