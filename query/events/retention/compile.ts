// Retention as SQL: the sets of persons of rows and of intervals; how many they share is counted over these.
import { isDeepStrictEqual } from "node:util";
import { cohortBitmapSql } from "../../people/cohort-sql.ts";
import type { People } from "../../people/people.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import { valueRankSql } from "../../sql/value-rank.ts";
import type { ValueSource } from "../../sql/value-text.ts";
import type { Statement } from "../../store/run-statement.ts";
import { bucketKeys } from "../../sql/bucket-numbers.ts";
import { personSetsSql, planSets, sourcesOf, type IntervalSets } from "../interval-sets.ts";
import type { Shortcuts } from "../../partials/shortcuts.ts";
import { membersSql, valuedMembersSql } from "./members.ts";
import type { RetentionRequest, RetentionUsersRequest } from "./request.ts";

export interface Compiled {
  readonly statement: Statement;
  readonly sources: readonly string[];
}

/** Into which tables rows are split; their ranks count from 1. */
export type Tables =
  | "one"
  | { readonly values: ValueSource; readonly top: readonly (string | null)[] }
  /** Beside the table of everybody, which has rank 0. */
  | { readonly cohorts: readonly string[] };

interface CompileOptions {
  readonly people: People;
  readonly shortcuts: Shortcuts;
}

/** Rows: number of the table, of the row (from 0), and its members. Empty rows may miss. */
export function compileMembers(
  request: RetentionRequest,
  tables: Tables,
  { people, shortcuts }: CompileOptions,
): Compiled {
  const context: SqlContext = { parameters: new Parameters(), people };
  const members = rankedMembersSql(request, tables, context, shortcuts);
  const keys = context.parameters.bind("Array(Int64)", bucketKeys(request.buckets));
  const sql = `SELECT toInt32(rank), toInt32(indexOf(${keys}, interval_key) - 1), members FROM (${members.sql})`;
  return { statement: { sql, parameters: context.parameters.values }, sources: members.sources };
}

/** Rows: number of the interval (from 0), and who returned in it; cumulative: in it or later. */
export function compileReturns(request: RetentionRequest, { people, shortcuts }: CompileOptions): Compiled {
  const context: SqlContext = { parameters: new Parameters(), people };
  const returning = returningSets(request, 0);
  const plan = planSets(returning, shortcuts);
  const keys = context.parameters.bind("Array(Int64)", bucketKeys(request.buckets));
  const sets = personSetsSql(returning, plan, context);
  const persons = request.cumulative
    ? "groupBitmapMergeState(persons) OVER (ORDER BY interval_key DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    : "persons";
  const sql = `SELECT toInt32(indexOf(${keys}, interval_key) - 1), ${persons} FROM (${sets})`;
  return {
    statement: { sql, parameters: context.parameters.values },
    sources: [...new Set(sourcesOf(plan))],
  };
}

/** True when the members of the rows are at the same time those who return. */
export function membersReturn(request: RetentionRequest, tables: Tables): boolean {
  return (
    tables === "one" &&
    request.type === "recurring" &&
    !request.cumulative &&
    request.occurrencesMin === 1 &&
    isDeepStrictEqual(request.target, request.returning)
  );
}

/** The values with the most members, summed over the rows. Columns: value or null where there is none, total. */
export function compileTop(
  request: RetentionRequest,
  source: ValueSource & { readonly limit: number },
  { people, shortcuts }: CompileOptions,
): Compiled {
  const context: SqlContext = { parameters: new Parameters(), people };
  const members = valuedMembersSql(request, source, context, shortcuts);
  const sql = [
    `SELECT value, sum(bitmapCardinality(members)) AS total FROM (${members.sql})`,
    "GROUP BY value ORDER BY total DESC, value ASC NULLS LAST",
    `LIMIT ${context.parameters.bind("UInt32", source.limit)}`,
  ].join("\n");
  return { statement: { sql, parameters: context.parameters.values }, sources: members.sources };
}

/** One page of a row's members in order of their numbers. Columns: offset of the interval, who of them is in it. */
export function compileUsers(
  request: RetentionUsersRequest,
  { people, shortcuts }: CompileOptions,
): Compiled {
  const context: SqlContext = { parameters: new Parameters(), people };
  const { startsMs, endMs } = request.buckets;
  const buckets = {
    startsMs: [startsMs[request.row] as number],
    endMs: startsMs[request.row + 1] ?? endMs,
  };
  const members = membersSql({ ...request, buckets }, context, shortcuts);
  const page = `bitmapSubsetLimit(members, ${context.parameters.bind("UInt32", request.firstPerson)}, ${context.parameters.bind("UInt32", request.limit + 1)})`;
  const parts = ["SELECT 0 AS offset, bitmapToArray(page) AS persons_of_page"];
  const sources = new Set(members.sources);
  if (request.row + 1 < startsMs.length) {
    const returning = returningSets(request, request.row + 1);
    const plan = planSets(returning, shortcuts);
    for (const source of sourcesOf(plan)) sources.add(source);
    const keys = context.parameters.bind("Array(Int64)", bucketKeys(returning.buckets));
    parts.push(
      `SELECT indexOf(${keys}, interval_key) AS offset, bitmapToArray(bitmapAnd(persons, page)) AS persons_of_page FROM (${personSetsSql(returning, plan, context)})`,
    );
  }
  const sql = `WITH (SELECT ${page} FROM (${members.sql})) AS page\n${parts.join("\nUNION ALL\n")}`;
  return { statement: { sql, parameters: context.parameters.values }, sources: [...sources] };
}

/** Rows rank, interval_key, members. */
function rankedMembersSql(
  request: RetentionRequest,
  tables: Tables,
  context: SqlContext,
  shortcuts: Shortcuts,
): { sql: string; sources: readonly string[] } {
  if (typeof tables === "object" && "values" in tables) {
    const members = valuedMembersSql(request, tables.values, context, shortcuts);
    return {
      sql: [
        `SELECT ${valueRankSql("value", tables.top, context)} AS rank, interval_key, groupBitmapMergeState(members) AS members`,
        `FROM (${members.sql}) GROUP BY rank, interval_key`,
      ].join("\n"),
      sources: members.sources,
    };
  }
  const members = membersSql(request, context, shortcuts);
  if (tables === "one") {
    return { sql: `SELECT 0 AS rank, interval_key, members FROM (${members.sql})`, sources: members.sources };
  }
  const split = tables.cohorts.map(
    (id, index) => `(${index + 1}, bitmapAnd(members, ${cohortBitmapSql(id, context)}))`,
  );
  return {
    sql: [
      "SELECT split.1 AS rank, interval_key, split.2 AS members",
      `FROM (SELECT interval_key, arrayJoin([(0, members), ${split.join(", ")}]) AS split FROM (${members.sql}))`,
    ].join("\n"),
    sources: members.sources,
  };
}

export function returningSets(request: RetentionRequest, firstRow: number): IntervalSets {
  const { startsMs, endMs } = request.buckets;
  return {
    selector: request.returning,
    buckets: { startsMs: startsMs.slice(firstRow), endMs },
    endMs: request.endMs,
    history: false,
    occurrencesMin: request.occurrencesMin,
  };
}
