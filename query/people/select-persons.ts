// The persons that filters let through, as a sorted list: for queries that decide over people in this process. Only
// of filters that look at nothing but the person: cohorts and properties of users.
import type { Filter } from "#schemas/query/filter.ts";
import type { SqlContext } from "../sql/context.ts";
import { Parameters } from "../sql/parameters.ts";
import type { QueryRun } from "../store/query-run.ts";
import { readColumns } from "../store/read-columns.ts";
import { setOfFilters } from "./person-set.ts";

/** In memory that all threads share. */
export interface SelectedPersons {
  /** Ascending. */
  readonly persons: Uint32Array;
  /** True: everybody but them. */
  readonly complement: boolean;
}

/** 4 bytes each. */
const personsMax = 64_000_000;
const personsExpected = 100_000;

/** `filters` look at people alone, and there is at least one. */
export async function selectPersons(run: QueryRun, filters: readonly Filter[]): Promise<SelectedPersons> {
  const context: SqlContext = { parameters: new Parameters(), people: run.people };
  const { bitmap, complement } = setOfFilters(filters, context);
  const statement = {
    // Sets of up to 32 numbers come in any order.
    sql: `SELECT arrayJoin(arraySort(bitmapToArray(${bitmap}))) AS person`,
    parameters: context.parameters.values,
  };
  const { columns, rows } = await readColumns(run.store, statement, {
    projectId: run.projectId,
    signal: run.signal,
    columns: [{ name: "person", type: "UInt32" }],
    rowsExpected: personsExpected,
    rowsMax: personsMax,
  });
  run.record({ step: "persons that the filters let through", sources: [] }, statement, rows);
  const persons = new Uint32Array(new SharedArrayBuffer(4 * rows));
  persons.set(columns[0] as Uint32Array);
  return { persons, complement };
}
