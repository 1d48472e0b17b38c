// Brings a column into memory: a task of the pool for each part of the users, which reads what is held in a file, and
// from the store the days that are not, or have changed.
import { MillraceError } from "#schemas/errors.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";
import { retryWhileAway, settingsOf } from "../store/run-statement.ts";
import type { TaskPool } from "../task-pool.ts";
import { bucketsOfPart, columnParts } from "./column-parts.ts";
import type { Loaded, LoadedSteps, LoadTask } from "./load-steps.ts";
import { dayMs, stepListBytes } from "./step-list.ts";
import { asHeld, daysToRead, isFile, stretchesOf, type Held, type Wanted } from "./wanted-rows.ts";

const taskFile = new URL("./load-steps.ts", import.meta.url).href;
const allParts = Array.from({ length: columnParts }, (_, part) => part);

/** More rows are ordered by several threads sooner than one of them tells the parts apart. */
const togetherRowsMax = 200_000;

export interface LoadOptions {
  readonly url: string;
  /** One part after the other, so that others find a thread. */
  readonly inTurn: boolean;
  /** Rows of the latest days that one task reads; tests have few. */
  readonly togetherMax?: number | undefined;
}

/** The file that it was to be read from is torn, or gone. */
export class UnreadableFile extends Error {}

export async function loadColumn(
  run: QueryRun,
  pool: TaskPool,
  wanted: Wanted,
  { url, inTurn, togetherMax = togetherRowsMax }: LoadOptions,
): Promise<Held> {
  const { event, kind, held, stale, fromMs, days } = asHeld(wanted);
  const settings = await settingsOf(run.store);
  const read = daysToRead(stale);
  const stretches = stretchesOf(fromMs, read);
  // The latest days are mostly few rows: then a task reads those of all users, and tells their parts apart.
  const isTogether = kind === "tail" && wanted.rowsToLoad <= togetherMax;
  const tasks = isTogether ? [allParts] : allParts.map((part) => [part]);
  const loadParts = async (parts: readonly number[]): Promise<LoadedSteps> => {
    const [part] = parts;
    const reads = stretches.map((stretch) => {
      const parameters = new Parameters();
      const conditions = [
        ...(event === null ? [] : [`event = ${parameters.bind("String", event)}`]),
        ...(parts.length > 1 || part === undefined
          ? []
          : [`bucket BETWEEN ${part * bucketsOfPart} AND ${(part + 1) * bucketsOfPart - 1}`]),
        rangeSql("steps", stretch, parameters),
      ];
      const at = `toUInt32(toUnixTimestamp64Milli(timestamp) - ${parameters.bind("Int64", stretch.fromMs)}) AS at`;
      const sql = `SELECT user_number, ${at} ${fromTable("steps", conditions)}`;
      return { statement: { sql, parameters: parameters.values }, baseMs: stretch.fromMs };
    });
    const task: LoadTask = {
      url,
      settings,
      projectId: run.projectId,
      reads,
      rowsExpected: Math.ceil(wanted.rowsToLoad / tasks.length),
      fromMs,
      days,
      read,
      parts,
      held: isFile(held) ? held : held === undefined ? undefined : parts.map((each) => held.lists[each]),
    };
    const steps = await retryWhileAway(run.store, run.signal, async () => {
      const answer = (await pool.run(task, { filename: taskFile, name: "loadSteps" })) as Loaded;
      if ("lists" in answer) return answer;
      if ("unreadable" in answer) return answer;
      throw new MillraceError(answer.failed.code, { message: answer.failed.message });
    });
    if ("unreadable" in steps) throw new UnreadableFile(steps.unreadable);
    for (const { statement } of reads) {
      const step = `rows of ${event ?? "all events"}${isTogether ? "" : `, part ${(part ?? 0) + 1}`}`;
      run.record({ step, sources: ["steps"] }, statement, 0);
    }
    return steps;
  };
  const loaded: LoadedSteps[] = [];
  if (inTurn) {
    for (const parts of tasks) {
      if (run.signal.aborted)
        throw new MillraceError("SHUTTING_DOWN", { message: "the process is stopping" });
      loaded.push(await loadParts(parts));
    }
  } else loaded.push(...(await Promise.all(tasks.map(loadParts))));
  run.rowsRead += wanted.rowsToLoad;
  if (isFile(held)) run.useSource("column_files");
  const dayRows = Uint32Array.from({ length: days }, (_, day) => rowsOfDay(held, fromMs, day));
  for (const day of read) dayRows[day] = 0;
  for (const each of loaded) {
    each.dayRows.forEach((rows, day) => (dayRows[day] = (dayRows[day] as number) + rows));
  }
  const lists = loaded.flatMap((each) => each.lists);
  return { fromMs, lists, dayRows, bytes: lists.reduce((sum, list) => sum + stepListBytes(list), 0) };
}

function rowsOfDay(held: Wanted["held"], fromMs: number, day: number): number {
  return held?.dayRows[day - (held.fromMs - fromMs) / dayMs] ?? 0;
}
