// Prepares files of the columns that are most likely asked for: of each project's commonest events, and of all events,
// which strict funnels need. So the first funnel after a start reads a file. One column at a time, while nobody asks and
// hardly anything waits to be stored; never in another file's place. Right after the start, what was used lately is read
// from its files into memory, as far as there is room: then the first funnel finds it there.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { StatusBoard, WorkersStatus } from "#streams/status.ts";
import type { Budgets } from "../budget/budgets.ts";
import type { FairGate } from "../budget/fair-gate.ts";
import { readProjectState } from "../cache/project-state.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { nobodyJoined } from "../people/people.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import { QueryRun } from "../store/query-run.ts";
import type { Store } from "../store/run-statement.ts";
import type { TaskPool } from "../task-pool.ts";
import type { ColumnFiles } from "./files/column-files.ts";
import type { StepColumns } from "./step-columns.ts";
import { dayMs } from "./step-list.ts";

const everyMs = 60_000;
/** After the start others come first. */
const firstMs = 20_000;
/** Days that are prepared, before those that are still open. */
const daysPrepared = 90;
const eventsMax = 8;
/** Fewer are read from the store in no time. */
const rowsMinDefault = 500_000;
const projectsMax = 1_000;
/** Of one column: a hundred million rows take half a minute. */
const secondsMax = 300;
/** Events that wait to be stored; with more of them storing needs the processor. */
const pendingMax = 20_000;
/** How long the end of the process waits for a part of a column. */
const stopMsMax = 5_000;
/** What nobody has used for longer is not brought into memory after a start. */
const usedMsMax = 3 * 86_400_000;
/** Columns of one round: the next ones follow a minute later. */
const columnsOfRoundMax = 16;

export interface PrepareOptions {
  readonly columns: StepColumns;
  readonly files: ColumnFiles;
  readonly store: Store;
  readonly postgres: Postgres;
  readonly pool: TaskPool;
  readonly budgets: Budgets;
  readonly gate: Pick<FairGate, "busy" | "waiting">;
  readonly board: Pick<StatusBoard, "entries">;
  readonly log: Logger;
  /** Tests have small columns. */
  readonly rowsMin?: number;
}

export class PrepareColumns {
  readonly #options: PrepareOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PrepareOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits for the part that a thread reads just now, not for the whole column. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#running, sleep(stopMsMax, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      await this.preload();
    } catch (error) {
      if (signal.aborted) return;
      this.#options.log.warn({ err: error }, "columns could not be read ahead");
    }
    // Processes that share a directory take turns, mostly: what one has prepared the next ones find.
    let waitMs = firstMs + Math.random() * everyMs;
    for (;;) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.prepare();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn({ err: error }, "columns could not be prepared");
      }
      waitMs = everyMs;
    }
  }

  /** What was used lately, into memory; that of all events last, which is the largest. Answers how many columns. */
  async preload(): Promise<number> {
    const { columns, files, pool, postgres } = this.#options;
    const used = await files.usedSince(Date.now() - usedMsMax);
    const { rows } = await postgres.query<{ id: number; epoch: string }>(
      "SELECT id, answers_epoch AS epoch FROM projects WHERE deleted_at IS NULL AND id = ANY($1)",
      [used.map(({ projectId }) => projectId)],
    );
    const epochs = new Map(rows.map(({ id, epoch }) => [Number(id), epoch]));
    const current = used.filter(({ projectId, epoch }) => epochs.get(projectId) === epoch);
    let loaded = 0;
    for (const isAny of [false, true]) {
      for (const { projectId, event } of current.filter((each) => (each.event === null) === isAny)) {
        if (this.#stopping.signal.aborted) return loaded;
        const isLoaded = await this.#inBackground(projectId, (run) => columns.preload(run, pool, event));
        if (isLoaded) loaded += 1;
      }
    }
    return loaded;
  }

  /** One round; answers how many columns were read from the store. */
  async prepare(): Promise<number> {
    const { rows } = await this.#options.postgres.query<{ id: number }>(
      "SELECT id FROM projects WHERE deleted_at IS NULL ORDER BY random() LIMIT $1",
      [projectsMax],
    );
    let prepared = 0;
    for (const { id } of rows) {
      if (this.#isBusy()) return prepared;
      const todayMs = Math.floor(Date.now() / dayMs) * dayMs;
      const range = { fromMs: todayMs - daysPrepared * dayMs, endMs: todayMs };
      for (const event of await this.#commonest(id, range)) {
        if (this.#isBusy() || prepared === columnsOfRoundMax) return prepared;
        const isNew = await this.#inBackground(id, (run) =>
          this.#options.columns.prepare(run, this.#options.pool, { events: [event], ...range }),
        );
        if (isNew) prepared += 1;
      }
    }
    return prepared;
  }

  #isBusy(): boolean {
    const { gate, board } = this.#options;
    if (this.#stopping.signal.aborted || gate.busy > 0 || gate.waiting > 0) return true;
    let pending = 0;
    for (const { status } of board.entries("workers")) {
      const { partitions = [] } = status as Partial<WorkersStatus>;
      for (const { pendingEvents } of partitions) pending += pendingEvents;
    }
    return pending > pendingMax;
  }

  /** The commonest first, and all events together last, which is the largest. */
  #commonest(
    projectId: number,
    range: { readonly fromMs: number; readonly endMs: number },
  ): Promise<(string | null)[]> {
    const parameters = new Parameters();
    const statement = {
      sql: `SELECT event, sum(events) AS rows ${fromTable("rollup_day", [rangeSql("rollup_day", range, parameters)])}
        GROUP BY event HAVING rows >= ${this.#options.rowsMin ?? rowsMinDefault} ORDER BY rows DESC, event LIMIT ${eventsMax}`,
      parameters: parameters.values,
    };
    return this.#inBackground(projectId, async (run) => {
      const rows = await run.rows({ step: "the commonest events", sources: [] }, statement);
      return rows.length === 0 ? [] : [...rows.map(([event]) => String(event)), null];
    });
  }

  async #inBackground<T>(projectId: number, work: (run: QueryRun) => Promise<T>): Promise<T> {
    const { store, postgres, budgets } = this.#options;
    const { limits, epoch, expiry } = await readProjectState(postgres, projectId);
    const expected = { shape: undefined, events: 0, rows: false };
    const { signal } = this.#stopping;
    return budgets.run(
      { projectId, limits, store, signal, expected, lane: "background", secondsMax },
      (limited, ending) =>
        work(
          new QueryRun({ store: limited, projectId, signal: ending, people: nobodyJoined, epoch, expiry }),
        ),
    );
  }
}
