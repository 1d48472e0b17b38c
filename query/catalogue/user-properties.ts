// Properties of users: what persons have now. One statement says what there is, with types, counts and examples.
import { catalogueLimits, propertyTypes, type PropertyEntry } from "#schemas/query/catalogue.ts";
import { personSql } from "../people/person-sql.ts";
import { currentValuesSql } from "../people/user-property.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";
import type { Statement } from "../store/run-statement.ts";
import { afterSql, searchSql } from "./list-sql.ts";
import { exampleOf } from "./property-types.ts";
import type { ValuesRequest } from "./request.ts";

/** More rows than this and every k-th person is looked at, all properties of each: 1.7 µs of CPU time a row. */
const rowsMax = 100_000;

/** Of the rows of one person: `$set` before `$set_once`, then the latest. */
const rank = "(once = 0, version, value)";

export async function findUserProperties(search: string, run: QueryRun): Promise<PropertyEntry[]> {
  const every = await readEvery(run);
  const parameters = new Parameters();
  const person = personSql(run.people);
  const conditions = searchSql("property", search, "contains", parameters);
  if (every > 1) conditions.push(`${person} % ${parameters.bind("UInt32", every)} = 0`);
  // A property that was removed has an empty value.
  const sql = [
    `SELECT property, type, count() * ${parameters.bind("UInt32", every)} AS total, topK(${catalogueLimits.examplesMax})(example) FROM (`,
    `SELECT property, ${person} AS person, argMax(tuple(text, number, boolean, value), ${rank}) AS current,`,
    "multiIf(current.4 IN ('', 'null'), '', isNotNull(current.2), 'number', isNotNull(current.3), 'boolean',",
    "startsWith(current.4, '['), 'list', startsWith(current.4, '{'), 'object', 'string') AS type,",
    "coalesce(current.1, current.4) AS example",
    // Without FINAL: of rows that the store has not merged yet, the rank picks the same one.
    fromTable("user_properties", conditions),
    "GROUP BY property, person) WHERE type != ''",
    "GROUP BY property, type ORDER BY total DESC, property",
  ].join("\n");
  const rows = await run.rows(
    { step: "properties of users", sources: ["user_properties"] },
    { sql, parameters: parameters.values },
  );
  const found = new Map<string, PropertyEntry>();
  for (const [name, type, count, texts] of rows as [string, string, number, string[]][]) {
    const entry = found.get(name) ?? { name, on: "user", types: [], count: 0, examples: [] };
    const known = propertyTypes.find((each) => each === type);
    if (known !== undefined) entry.types.push(known);
    entry.count += count;
    entry.examples.push(...texts.map((text) => exampleOf(text, known === undefined ? [] : [known])));
    found.set(name, entry);
  }
  return [...found.values()].map((entry) => ({
    ...entry,
    examples: entry.examples.slice(0, catalogueLimits.examplesMax),
  }));
}

/** 1: all persons. */
async function readEvery(run: QueryRun): Promise<number> {
  const rows = await run.rows(
    { step: "size", sources: ["user_properties"] },
    { sql: `SELECT count() ${fromTable("user_properties", [])}`, parameters: {} },
  );
  const every = Math.max(1, Math.ceil((rows[0]?.[0] as number) / rowsMax));
  if (every > 1) run.notes.add(`persons: counts are estimated from every ${every}th`);
  return every;
}

/** Columns: value, persons who have it. One row more than asked for tells that there is more. */
export function compileUserValues(request: ValuesRequest, run: QueryRun): Statement {
  const parameters = new Parameters();
  const conditions = [
    "isNotNull(current_text)",
    ...searchSql("assumeNotNull(current_text)", request.search, request.match, parameters),
  ];
  const sql = [
    "SELECT assumeNotNull(current_text) AS name, count() AS total",
    `FROM (${currentValuesSql(request.property, { parameters, people: run.people })})`,
    `WHERE ${conditions.map((each) => `(${each})`).join(" AND ")}`,
    "GROUP BY name",
    afterSql({ count: "total", name: "name" }, request.after, parameters),
    `ORDER BY total DESC, name LIMIT ${parameters.bind("UInt32", request.limit + 1)}`,
  ].join("\n");
  return { sql, parameters: parameters.values };
}
