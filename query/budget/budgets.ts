// Runs a query within what its project may use: in its turn, for so long, on a store that holds every statement to the
// project's limits.
import { availableParallelism } from "node:os";
import { MillraceError } from "#schemas/errors.ts";
import type { ProjectLimits } from "#schemas/projects/limits.ts";
import type { Store } from "../store/run-statement.ts";
import type { FairGate, Lane } from "./fair-gate.ts";
import type { BudgetMetrics } from "./metrics.ts";
import type { Expected, QueryCosts } from "./query-costs.ts";

const cores = availableParallelism();

export interface Spending {
  readonly projectId: number;
  readonly limits: ProjectLimits;
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly expected: Expected;
  /** Instead of what it is expected to cost. */
  readonly lane?: Lane;
  /** Instead of the project's. */
  readonly secondsMax?: number;
}

export class Budgets {
  readonly #gate: FairGate;
  readonly #costs: QueryCosts;
  readonly #metrics: BudgetMetrics;

  constructor(options: { gate: FairGate; costs: QueryCosts; metrics: BudgetMetrics }) {
    this.#gate = options.gate;
    this.#costs = options.costs;
    this.#metrics = options.metrics;
  }

  /** Throws QUERY_LIMIT_EXCEEDED when its turn does not come, QUERY_TOO_EXPENSIVE when it takes too long. */
  async run<T>(spending: Spending, work: (store: Store, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { projectId, limits, expected, signal } = spending;
    const lane = spending.lane ?? this.#costs.laneOf(expected);
    const waited = this.#metrics.waitSeconds.startTimer({ lane });
    let place;
    try {
      place = await this.#gate.enter({ projectId, lane, atOnceMax: limits.queries_at_once_max, signal });
    } catch (error) {
      if (!signal.aborted) this.#metrics.refused.inc();
      throw error;
    }
    waited();
    const secondsMax = spending.secondsMax ?? limits.seconds_max;
    const ending = new AbortController();
    const leave = (): void => ending.abort();
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      ending.abort();
    }, secondsMax * 1000);
    // Among many everything takes longer: that alone makes nothing heavy.
    const crowd = this.#crowd();
    const slow = setTimeout(() => place.demote(), this.#costs.lightMsMax * crowd);
    const startedMs = performance.now();
    const aloneMs = (): number => (performance.now() - startedMs) / ((crowd + this.#crowd()) / 2);
    try {
      const result = await work(this.#storeOf(spending, lane, secondsMax), ending.signal);
      this.#costs.learn(expected, aloneMs());
      return result;
    } catch (error) {
      // What was too slow, or too large, is heavy next time.
      if (!signal.aborted) this.#costs.learn(expected, Math.max(aloneMs(), this.#costs.lightMsMax * 2));
      if (late) throw tooSlow(error);
      throw error;
    } finally {
      clearTimeout(slow);
      clearTimeout(deadline);
      signal.removeEventListener("abort", leave);
      place.leave();
    }
  }

  /** How many queries share a core, at least one. */
  #crowd(): number {
    return Math.max(1, this.#gate.busy / cores);
  }

  #storeOf({ store, limits }: Spending, lane: Lane, secondsMax: number): Store {
    return {
      ...store,
      budget: {
        secondsMax,
        memoryBytesMax: limits.memory_bytes_max,
        rowsReadMax: limits.rows_read_max,
        // Threads of one statement save time only where cores are idle.
        shares: () => lane === "background" || this.#gate.busy > (lane === "heavy" ? 1 : cores),
      },
    };
  }
}

function tooSlow(cause: unknown): MillraceError {
  return new MillraceError("QUERY_TOO_EXPENSIVE", {
    message: "The query exceeds its time budget; narrow its range or filters.",
    details: [{ budget: "time" }],
    cause,
  });
}
