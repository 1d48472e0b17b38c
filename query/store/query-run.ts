// The statements of one query: run within its project and budget, added up for `meta`, and explained when asked.
import type { SampledMeta } from "#schemas/query/meta.ts";
import type { People } from "../people/people.ts";
import type { Sample } from "../people/sample.ts";
import {
  countingSettings,
  countsWithin,
  dayCountsSql,
  readDayCounts,
  type CountedDays,
  type DayCounts,
  type DayScope,
} from "../day-counts/count-days.ts";
import { checkReads, nothingExpired, type Expiry } from "../expiry/expiry.ts";
import { explainStatement } from "./explain-statement.ts";
import { runStatement, type Statement, type Store } from "./run-statement.ts";
import { Parameters } from "../sql/parameters.ts";
import { streamRows } from "./stream-rows.ts";

/** How one statement is answered, for `explain`. */
export interface StatementPlan {
  /** What the statement is for. */
  readonly step: string;
  /** Tables that it reads. */
  readonly sources: readonly string[];
  /** Anything else that was decided. */
  readonly plan?: unknown;
}

export interface QueryScope {
  readonly store: Store;
  readonly projectId: number;
  readonly signal: AbortSignal;
  readonly people: People;
  /** Counts changes of the project's stored events that did not come through the log; see ProjectState. */
  readonly epoch?: string;
  /** What is gone; default nothing. */
  readonly expiry?: Expiry;
  /** Counted just now, while it was looked whether a kept answer is still true. */
  readonly counted?: CountedDays | undefined;
}

/** Statements of one query that run at once. */
const statementsAtOnceMax = 4;

export class QueryRun implements QueryScope {
  readonly store: Store;
  readonly projectId: number;
  readonly signal: AbortSignal;
  readonly epoch: string;
  readonly expiry: Expiry;
  /** How the answer was scaled, when it is of a sample. */
  sampled: SampledMeta | undefined;
  rowsRead = 0;
  /** What is approximated, and how; said in `meta`. */
  readonly notes = new Set<string>();
  #people: People;
  readonly #counted: CountedDays | undefined;
  readonly #sources = new Set<string>();
  readonly #statements: { plan: StatementPlan; statement: Statement }[] = [];

  constructor(scope: QueryScope) {
    this.store = scope.store;
    this.projectId = scope.projectId;
    this.signal = scope.signal;
    this.epoch = scope.epoch ?? "0";
    this.expiry = scope.expiry ?? nothingExpired;
    this.#people = scope.people;
    this.#counted = scope.counted;
  }

  get people(): People {
    return this.#people;
  }

  /** From now on only the people of the sample are looked at. */
  narrow(sample: Sample): void {
    this.#people = { ...this.#people, sample };
  }

  async rows(plan: StatementPlan, statement: Statement): Promise<readonly (readonly unknown[])[]> {
    checkReads([statement], this.expiry);
    const { rows, rowsRead } = await runStatement(this.store, statement, this);
    this.record(plan, statement, rowsRead);
    return rows;
  }

  /**
   * How many events there are each day: as was counted for this question already, where that holds all of it. Else anew
   * each time: who counts twice wants to know whether something came in between.
   */
  async dayCounts(scope: DayScope): Promise<DayCounts> {
    const known = countsWithin(this.#counted, scope);
    if (known !== undefined) return known;
    const parameters = new Parameters();
    const { columns, from } = dayCountsSql(scope, parameters);
    const rows = await this.rows(
      { step: "how many events there are each day", sources: [] },
      { sql: `SELECT ${columns.join(", ")} ${from} ${countingSettings}`, parameters: parameters.values },
    );
    return readDayCounts(scope, rows[0] ?? []);
  }

  /** The answer as RowBinary, in pieces, for millions of rows; who reads adds what was read to `rowsRead`. */
  async bytes(
    plan: StatementPlan,
    statement: Statement,
    onBytes: (bytes: Uint8Array) => void,
  ): Promise<void> {
    checkReads([statement], this.expiry);
    await streamRows(this.store, statement, { projectId: this.projectId, signal: this.signal, onBytes });
    this.record(plan, statement, 0);
  }

  /** For statements that are run elsewhere, as streams. */
  record(plan: StatementPlan, statement: Statement, rowsRead: number): void {
    checkReads([statement], this.expiry);
    for (const source of plan.sources) this.#sources.add(source);
    this.rowsRead += rowsRead;
    this.#statements.push({ plan, statement });
  }

  /** For what answered without a statement. */
  useSource(source: string): void {
    this.#sources.add(source);
  }

  get exact(): boolean {
    return this.notes.size === 0 && this.sampled === undefined;
  }

  /** Tables that answered, joined with +. */
  get source(): string {
    return [...this.#sources].sort().join("+");
  }

  /** Throws when something that was read is gone by now, and may have been while it was read. */
  checkAgain(expiry: Expiry): void {
    checkReads(
      this.#statements.map(({ statement }) => statement),
      expiry,
    );
  }

  explain(): Promise<unknown[]> {
    return mapBounded(this.#statements, async ({ plan, statement }) => ({
      ...plan,
      sql: statement.sql,
      parameters: statement.parameters,
      store: await explainStatement(this.store, statement, this),
    }));
  }
}

/** Maps with at most `statementsAtOnceMax` under way; stops at the first failure. */
export async function mapBounded<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await map(items[index] as T, index);
    }
  };
  try {
    await Promise.all(Array.from({ length: statementsAtOnceMax }, lane));
  } finally {
    next = items.length;
  }
  return results;
}
