// GET /v1/properties/values: the most frequent values of one property, for autocompletion.
import type { Call } from "#streams/services.ts";
import { answerQuery } from "../answer-query.ts";
import { parseBody } from "../parse-body.ts";
import type { QueryContext } from "../query-context.ts";
import { Parameters } from "../sql/parameters.ts";
import { propertySql } from "../sql/property.ts";
import type { QueryRun } from "../store/query-run.ts";
import type { Statement } from "../store/run-statement.ts";
import { pageOf } from "./cursor.ts";
import { afterSql, searchSql } from "./list-sql.ts";
import { estimatedNote, planRows, rowsSql, weightSql, type RowsPlan } from "./newest-rows.ts";
import { readValuesRequest, type ValuesRequest } from "./request.ts";
import { compileUserValues } from "./user-properties.ts";

/** Rows whose value is read: one column, and at worst as many different values are held. */
const rowsMax = 5_000_000;

export interface ValuesAnswer {
  readonly property: string;
  readonly on: "event" | "user";
  readonly values: readonly { readonly value: string; readonly count: number }[];
  readonly next: string | null;
}

export function propertyValues(context: QueryContext, payload: Uint8Array, call: Call): Promise<object> {
  const kind = { read: readValuesRequest, answer: answerValues };
  return answerQuery(kind, context, parseBody(payload), call);
}

export async function answerValues(request: ValuesRequest, run: QueryRun): Promise<ValuesAnswer> {
  const rows = await (request.on === "user"
    ? run.rows({ step: "values", sources: ["user_properties"] }, compileUserValues(request, run))
    : readEventValues(request, run));
  const values = rows.map(([value, count]) => ({ value: value as string, count: count as number }));
  const { page, next } = pageOf(values, request.limit, ({ value, count }) => ({ name: value, count }));
  return { property: request.property, on: request.on, values: page, next };
}

async function readEventValues(
  request: ValuesRequest,
  run: QueryRun,
): Promise<readonly (readonly unknown[])[]> {
  const plan = await planRows(run, request, rowsMax);
  if (plan.newest !== undefined) run.notes.add(estimatedNote);
  return run.rows({ step: "values", sources: ["events"], plan }, compileEventValues(request, plan));
}

/** Columns: value, events that have it. One row more than asked for tells that there is more. */
function compileEventValues(request: ValuesRequest, plan: RowsPlan): Statement {
  const parameters = new Parameters();
  const { text } = propertySql(request.property);
  const conditions = [
    `isNotNull(${text})`,
    ...searchSql(`assumeNotNull(${text})`, request.search, request.match, parameters),
  ];
  const sql = [
    `SELECT assumeNotNull(${text}) AS name, toInt64(round(sum(${weightSql(plan, parameters)}))) AS total`,
    rowsSql(plan, parameters, conditions),
    "GROUP BY name",
    afterSql({ count: "total", name: "name" }, request.after, parameters),
    `ORDER BY total DESC, name LIMIT ${parameters.bind("UInt32", request.limit + 1)}`,
  ].join("\n");
  return { sql, parameters: parameters.values };
}
