// A funnel's rows as SQL: who, when, and which steps and exclusions the event matches. What happened in which order
// is not asked of the store.
import { isMemberSql } from "../../people/cohort-sql.ts";
import type { People } from "../../people/people.ts";
import { personSql } from "../../people/person-sql.ts";
import type { SqlContext } from "../../sql/context.ts";
import { sampledTable } from "../../sampling/sampled-table.ts";
import { filtersSql } from "../../sql/filters.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import { valueTextSql } from "../../sql/value-text.ts";
import type { NumberColumn } from "../../store/native-columns.ts";
import type { Statement } from "../../store/run-statement.ts";
import { rangeSql } from "../bucket-sql.ts";
import { eventConditions, type EventSelector } from "../event-conditions.ts";
import { beginnersOf, eventsOf, rowsRange, type FunnelPlan } from "./plan.ts";
import type { FunnelRequest } from "./request.ts";

/** Value of an event that lacks the property: above every number that stands for a value, so it sorts last. */
export const noneValue = 2 ** 53;

/** The `steps` table keeps people in so many buckets. */
const stepsBuckets = 16;

export interface RowsOptions {
  readonly people: People;
  readonly plan: FunnelPlan;
  /** Which of the plan's groups. */
  readonly group: number;
  /** Persons with this number or a higher one. */
  readonly firstPerson?: number;
  /** Only rows of these user numbers. */
  readonly users?: readonly number[];
}

export function rowsColumns(request: FunnelRequest): NumberColumn[] {
  return [
    { name: "person", type: "UInt32" },
    { name: "at_ms", type: "Float64" },
    { name: "matches", type: "UInt32" },
    ...(request.breakdown === undefined ? [] : [{ name: "value_number", type: "Float64" } as const]),
  ];
}

/** Columns: see `rowsColumns`. */
export function compileRows(request: FunnelRequest, options: RowsOptions): Statement {
  const { people, plan } = options;
  const context: SqlContext = { parameters: new Parameters(), people };
  const { parameters } = context;
  const person = personSql(people);
  const common = filtersSql(request.filters, context);
  const isStrict = request.order === "strict";
  const bits = [...request.steps, ...request.exclusions].map(
    (selector, bit) => `if(${selectorSql(selector, context)}, ${2 ** bit}, 0)`,
  );
  const matches = `toUInt32(${bits.join(" + ")})`;
  const names = eventsOf(request);
  const conditions = [
    rangeSql(plan.table, rowsRange(request), parameters),
    ...groupConditions(options, person),
    ...(names === undefined ? [] : [`event IN ${parameters.bind("Array(String)", names)}`]),
    // The next event of a strict funnel may be any; whatever matches nothing still comes between.
    ...(isStrict ? [] : [...(common === "1" ? [] : [common]), "matches != 0"]),
  ];
  if (options.firstPerson !== undefined) {
    conditions.push(`${person} >= ${parameters.bind("UInt32", options.firstPerson)}`);
  }
  if (options.users !== undefined) {
    conditions.push(`user_number IN ${parameters.bind("Array(UInt32)", options.users)}`);
  }
  const columns = [
    `toUInt32(${person}) AS person`,
    "toFloat64(toUnixTimestamp64Milli(timestamp)) AS at_ms",
    `${isStrict && common !== "1" ? `toUInt32(if(${common}, ${matches}, 0))` : matches} AS matches`,
    ...(request.breakdown === undefined
      ? []
      : [`${valueSql(request, request.breakdown, context)} AS value_number`]),
  ];
  const source = sampledTable(plan.table, people);
  const rows = fromTable(source.table, [...conditions, ...source.conditions]);
  return { sql: `SELECT ${columns.join(",\n  ")}\n${rows}`, parameters: parameters.values };
}

/** The texts that numbers stand for. Columns: number, text. */
export function compileValueNames(
  request: FunnelRequest,
  options: {
    readonly people: People;
    readonly plan: FunnelPlan;
    readonly numbers: readonly number[];
    readonly range: { readonly fromMs: number; readonly endMs: number };
  },
): Statement {
  const { breakdown } = request;
  if (breakdown === undefined || "cohorts" in breakdown) throw new Error("funnel: only values have names");
  const context: SqlContext = { parameters: new Parameters(), people: options.people };
  const text = valueTextSql(breakdown, context);
  const { table } = options.plan;
  const names = beginnersOf(request);
  const conditions = [
    rangeSql(table, options.range, context.parameters),
    ...(names === undefined ? [] : [`event IN ${context.parameters.bind("Array(String)", names)}`]),
    `has(${context.parameters.bind("Array(Int64)", options.numbers)}, value_number)`,
  ];
  const sql = [
    `SELECT ${valueNumberSql(text)} AS value_number, any(${text}) AS value_text`,
    fromTable(table, conditions),
    "GROUP BY value_number",
  ].join("\n");
  return { sql, parameters: context.parameters.values };
}

function selectorSql(selector: EventSelector, context: SqlContext): string {
  const conditions = eventConditions(selector, context);
  return conditions.length === 0 ? "1" : conditions.map((each) => `(${each})`).join(" AND ");
}

function groupConditions({ people, plan, group }: RowsOptions, person: string): string[] {
  const { table, groups } = plan;
  if (groups === 1) return [];
  const conditions = [`${person} % ${groups} = ${group}`];
  if (table === "steps" && !people.merged && people.sample === undefined) {
    // The table is sorted by bucket: what is of other groups is not read.
    const every = Math.min(groups, stepsBuckets);
    const own = Array.from({ length: stepsBuckets / every }, (_, index) => index * every + (group % every));
    conditions.unshift(`bucket IN (${own.join(", ")})`);
  }
  return conditions;
}

/** What stands for the first event's value: a number of its text, or a bit for each cohort of its person. */
function valueSql(
  request: FunnelRequest,
  breakdown: NonNullable<FunnelRequest["breakdown"]>,
  context: SqlContext,
): string {
  if ("cohorts" in breakdown) {
    const bits = breakdown.cohorts.map((id, bit) => `if(${isMemberSql(id, context)}, ${2 ** bit}, 0)`);
    return `toFloat64(${bits.join(" + ")})`;
  }
  const firstMask = request.order === "unordered" ? 2 ** request.steps.length - 1 : 1;
  const number = valueNumberSql(valueTextSql(breakdown, context));
  return `if(bitAnd(matches, ${firstMask}) = 0, toFloat64(${noneValue}), toFloat64(${number}))`;
}

/** Int64: 53 bits of the text's hash, which pass as a number; that two of a million values meet has odds of 1:18,000. */
function valueNumberSql(text: string): string {
  return `if(isNull(${text}), toInt64(${noneValue}), toInt64(bitShiftRight(sipHash64(assumeNotNull(${text})), 11)))`;
}
