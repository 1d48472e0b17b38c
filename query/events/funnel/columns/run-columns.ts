// A funnel over the columns that this process holds, instead of rows that are read for it: possible when each step and
// exclusion is an event as it is, and no event is two of the steps. That is nearly every funnel.
import { fromTable } from "../../../sql/scope.ts";
import type { QueryRun } from "../../../store/query-run.ts";
import { readColumns } from "../../../store/read-columns.ts";
import type { Column, StepColumns } from "../../../step-columns/step-columns.ts";
import type { TaskPool } from "../../../task-pool.ts";
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import { rowsRange } from "../plan.ts";
import type { FunnelRequest } from "../request.ts";
import { tallyColumns, type ColumnsTask, type JoinedIds } from "./tally-columns.ts";

/** Parts of the users, so that threads share the work; fewer rows are one part. */
const partsMax = 4;
const rowsOfPartMin = 200_000;
/** Ids of a project that may be joined for this way to be taken. */
const joinedMax = 5_000_000;

const taskFile = new URL("./tally-columns.ts", import.meta.url).href;

export interface ColumnsOptions {
  readonly rules: FunnelRules;
  readonly firstPerson?: number | undefined;
  readonly residentOnly?: boolean;
}

export function fitsColumns(request: FunnelRequest): boolean {
  const selectors = [...request.steps, ...request.exclusions];
  const stepEvents = new Set(request.steps.map(({ event }) => event));
  return (
    request.order !== "strict" &&
    request.breakdown === undefined &&
    request.filters.length === 0 &&
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
  { rules, firstPerson = 0, residentOnly = false }: ColumnsOptions,
): Promise<FunnelOutcome[] | undefined> {
  if (!fitsColumns(request) || run.people.sample !== undefined) return undefined;
  const selectors = [...request.steps, ...request.exclusions];
  const events = [...new Set(selectors.map(({ event }) => event as string))];
  const [read, joined] = await Promise.all([
    stepColumns.read(run, pool, { events, ...rowsRange(request) }, { residentOnly }),
    run.people.merged ? readJoined(run) : undefined,
  ]);
  if (read === undefined) return undefined;
  const { columns } = read;
  const rows = columns.flat().reduce((sum, segment) => sum + segment.rows, 0);
  run.record(
    { step: "columns in memory", sources: ["steps"], plan: { rows, loaded: read.rowsLoaded } },
    { sql: "SELECT 1", parameters: {} },
    0,
  );
  const columnOf = selectors.map(({ event }) => events.indexOf(event as string));
  const parts = Math.min(partsMax, Math.max(1, Math.floor(rows / rowsOfPartMin)));
  const bounds = boundsOf(columns, firstPerson, parts);
  return Promise.all(
    bounds.map(
      ([firstUser, endUser]) =>
        pool.run({ rules, columns, columnOf, firstUser, endUser, joined } satisfies ColumnsTask, {
          filename: taskFile,
          name: tallyColumns.name,
        }) as Promise<FunnelOutcome>,
    ),
  );
}

/** Ranges of user numbers with about as many rows each, by the largest segment. */
function boundsOf(columns: readonly Column[], firstPerson: number, parts: number): [number, number][] {
  const largest = columns
    .flat()
    .reduce<Uint32Array>(
      (found, { users }) => (users.length > found.length ? users : found),
      new Uint32Array(0),
    );
  const bounds: [number, number][] = [];
  let first = firstPerson;
  for (let part = 1; part <= parts; part += 1) {
    const end = part === parts ? 2 ** 32 : (largest[Math.floor((largest.length * part) / parts)] ?? first);
    if (end > first) bounds.push([first, end]);
    first = Math.max(first, end);
  }
  return bounds;
}

/** The map of joined ids as it is now. */
async function readJoined(run: QueryRun): Promise<JoinedIds> {
  const statement = {
    sql: `SELECT user_number, person_number ${fromTable("persons", ["user_number != person_number"], "FINAL")}`,
    parameters: {},
  };
  const { columns, rows } = await readColumns(run.store, statement, {
    projectId: run.projectId,
    signal: run.signal,
    columns: [
      { name: "user_number", type: "UInt32" },
      { name: "person_number", type: "UInt32" },
    ],
    rowsExpected: 1024,
    rowsMax: joinedMax,
  });
  run.record({ step: "ids that were joined", sources: ["persons"] }, statement, rows);
  return groupIds(columns[0] as Uint32Array, columns[1] as Uint32Array);
}

/** The person's own number is a member too. */
export function groupIds(users: Uint32Array, persons: Uint32Array): JoinedIds {
  const sizes = new Map<number, number>();
  for (const person of persons) sizes.set(person, (sizes.get(person) ?? 1) + 1);
  const count = users.length + sizes.size;
  const shared = (length: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(4 * length));
  const members = shared(count);
  const starts = shared(sizes.size + 1);
  const ofPerson = shared(sizes.size);
  const everybody = shared(count);
  const place = new Map<number, number>();
  let next = 0;
  let index = 0;
  for (const [person, size] of sizes) {
    ofPerson[index] = person;
    starts[index] = next;
    place.set(person, next + 1);
    members[next] = person;
    next += size;
    index += 1;
  }
  starts[index] = next;
  users.forEach((user, each) => {
    const person = persons[each] as number;
    const to = place.get(person) as number;
    members[to] = user;
    place.set(person, to + 1);
  });
  everybody.set(members);
  everybody.sort();
  return { users: everybody, persons: ofPerson, starts, members };
}
