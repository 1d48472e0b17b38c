// Properties of events: which paths the raw events have, of what types, how often, and a few frequent values.
import { catalogueLimits, type PropertyEntry, type PropertyType } from "#schemas/query/catalogue.ts";
import { Parameters } from "../sql/parameters.ts";
import { builtInProperties, isPropertyName, propertySql } from "../sql/property.ts";
import type { QueryRun } from "../store/query-run.ts";
import { estimatedNote, planRows, rowsSql, weightSql, type RowsPlan } from "./newest-rows.ts";
import { exampleOf, propertyNameOf, propertyTypeOf } from "./property-types.ts";
import type { PropertiesRequest } from "./request.ts";

/** Rows whose paths are read: 1 µs of CPU time each with five properties and what is built in. */
const rowsMax = 300_000;
/** Rows whose values are read for examples, one column a property: 0.3 µs for each value. */
const exampleRowsMax = 20_000;
/** Paths and types that are told apart; a project that puts ids into names of properties has no end of them. */
const pathsMax = 20_000;
/** Properties whose examples are read in one statement. */
const examplesAtOnceMax = 100;

export type FoundProperty = Omit<PropertyEntry, "examples">;

export async function findEventProperties(
  request: PropertiesRequest,
  run: QueryRun,
): Promise<FoundProperty[]> {
  const plan = await planRows(run, request, rowsMax);
  if (plan.newest !== undefined) run.notes.add(estimatedNote);
  const [paths, builtIn] = await Promise.all([readPaths(run, plan), readBuiltIn(run, plan)]);
  return [...paths, ...builtIn];
}

async function readPaths(run: QueryRun, plan: RowsPlan): Promise<FoundProperty[]> {
  const parameters = new Parameters();
  const sql = [
    "SELECT entry.1, entry.2, round(sum(weight)) AS total FROM (",
    "SELECT arrayJoin(CAST(JSONAllPathsWithTypes(properties), 'Array(Tuple(String, String))')) AS entry,",
    `${weightSql(plan, parameters)} AS weight`,
    rowsSql(plan, parameters),
    `) GROUP BY entry.1, entry.2 ORDER BY total DESC LIMIT ${parameters.bind("UInt32", pathsMax)}`,
  ].join("\n");
  const rows = await run.rows(
    { step: "paths", sources: ["events"], plan },
    { sql, parameters: parameters.values },
  );
  if (rows.length === pathsMax) run.notes.add(`only the ${pathsMax} most frequent properties were counted`);
  const found = new Map<string, { count: number; types: Set<PropertyType> }>();
  for (const [path, storeType, count] of rows) {
    const type = propertyTypeOf(storeType as string);
    const name = propertyNameOf(path as string);
    if (type === undefined) continue;
    const entry = found.get(name) ?? { count: 0, types: new Set() };
    entry.count += count as number;
    entry.types.add(type);
    found.set(name, entry);
  }
  return [...found].map(([name, { count, types }]) => ({ name, on: "event", types: [...types], count }));
}

async function readBuiltIn(run: QueryRun, plan: RowsPlan): Promise<FoundProperty[]> {
  const parameters = new Parameters();
  const weight = weightSql(plan, parameters);
  const counts = builtInProperties.map((name) => `round(sumIf(${weight}, ${propertySql(name).isSet}))`);
  const sql = `SELECT ${counts.join(", ")}\n${rowsSql(plan, parameters)}`;
  const rows = await run.rows(
    { step: "built-in", sources: ["events"] },
    { sql, parameters: parameters.values },
  );
  return builtInProperties.map((name, index) => ({
    name,
    on: "event",
    types: ["string"],
    count: (rows[0]?.[index] as number | undefined) ?? 0,
    built_in: true,
  }));
}

/** A few frequent values of each property, from fewer rows. */
export async function readEventExamples(
  request: PropertiesRequest,
  run: QueryRun,
  properties: readonly FoundProperty[],
): Promise<Map<string, PropertyEntry["examples"]>> {
  const examples = new Map<string, PropertyEntry["examples"]>();
  const readable = properties.filter(({ name }) => isPropertyName(name));
  if (readable.length === 0) return examples;
  const plan = await planRows(run, request, exampleRowsMax);
  for (let start = 0; start < readable.length; start += examplesAtOnceMax) {
    const parameters = new Parameters();
    const batch = readable.slice(start, start + examplesAtOnceMax);
    const weight = weightSql(plan, parameters);
    const columns = batch.map(
      ({ name }) =>
        `topKWeighted(${catalogueLimits.examplesMax})(${propertySql(name).text}, toUInt64(${weight}))`,
    );
    const sql = `SELECT ${columns.join(", ")}\n${rowsSql(plan, parameters)}`;
    const rows = await run.rows(
      { step: "examples", sources: ["events"] },
      { sql, parameters: parameters.values },
    );
    batch.forEach(({ name, types }, index) => {
      const texts = (rows[0]?.[index] as string[] | undefined) ?? [];
      examples.set(
        name,
        texts.map((text) => exampleOf(text, types)),
      );
    });
  }
  return examples;
}
