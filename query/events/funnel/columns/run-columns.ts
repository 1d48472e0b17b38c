// A funnel over the columns that this process holds, instead of rows that are read for it: possible when each step and
// exclusion is an event as it is, no event is two of the steps, and filters look at people. That is nearly every funnel.
import { areSets } from "../../../people/person-set.ts";
import { selectPersons } from "../../../people/select-persons.ts";
import type { QueryRun } from "../../../store/query-run.ts";
import { columnParts } from "../../../step-columns/column-parts.ts";
import type { StepColumns } from "../../../step-columns/step-columns.ts";
import type { TaskPool } from "../../../task-pool.ts";
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import { rowsRange } from "../plan.ts";
import type { FunnelRequest } from "../request.ts";
import { readJoined } from "./joined-ids.ts";
import { tallyColumns, type ColumnsTask } from "./tally-columns.ts";

const taskFile = new URL("./tally-columns.ts", import.meta.url).href;

export interface ColumnsOptions {
  readonly rules: FunnelRules;
  readonly firstPerson?: number | undefined;
  readonly residentOnly?: boolean;
  /** Nobody asks for persons, only for all of them together. */
  readonly areAdded?: boolean;
}

/** True when its columns hold the rows of its own events alone. */
export function fitsColumns(request: FunnelRequest): boolean {
  return request.order !== "strict" && isDecidable(request);
}

/** A strict funnel too: what comes between its steps is in the column of all events, which is large. */
export function isDecidable(request: FunnelRequest): boolean {
  const selectors = [...request.steps, ...request.exclusions];
  const stepEvents = new Set(request.steps.map(({ event }) => event));
  return (
    request.breakdown === undefined &&
    areSets(request.filters) &&
    selectors.every(({ event, filters }) => event !== null && filters.length === 0) &&
    stepEvents.size === request.steps.length
  );
}

/** Undefined when the funnel has to be decided over rows. */
export async function runColumns(
  request: FunnelRequest,
  run: QueryRun,
  pool: TaskPool,
  stepColumns: StepColumns,
  { rules, firstPerson = 0, residentOnly = false, areAdded = false }: ColumnsOptions,
): Promise<FunnelOutcome[] | undefined> {
  if (!isDecidable(request) || run.people.sample !== undefined) return undefined;
  const selectors = [...request.steps, ...request.exclusions];
  // What comes between the steps of a strict funnel may be any event.
  const names = [...selectors.map(({ event }) => event), ...(request.order === "strict" ? [null] : [])];
  const events = [...new Set(names)];
  const [read, joined, selected] = await Promise.all([
    stepColumns.read(run, pool, { events, ...rowsRange(request) }, { residentOnly }),
    run.people.merged ? readJoined(run) : undefined,
    request.filters.length === 0 ? undefined : selectPersons(run, request.filters),
  ]);
  if (read === undefined) return undefined;
  const { columns, days } = read;
  run.useSource("steps_in_memory");
  const columnOf = names.map((event) => events.indexOf(event));
  return Promise.all(
    Array.from(
      { length: columnParts },
      (_, part) =>
        pool.run(
          {
            rules,
            columns,
            days,
            columnOf,
            part,
            firstUser: firstPerson,
            joined,
            selected,
            areAdded,
          } satisfies ColumnsTask,
          {
            filename: taskFile,
            name: tallyColumns.name,
          },
        ) as Promise<FunnelOutcome>,
    ),
  );
}
