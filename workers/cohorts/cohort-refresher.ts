// Keeps all cohorts fresh: a few lanes, each taking the cohort that is due the longest. Any number of worker
// processes do this at once; claims keep them apart.
import { ClickHouseError } from "@clickhouse/client";
import { MillraceError } from "#schemas/errors.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { CohortMetrics } from "./metrics.ts";
import { refreshCohort, type RefreshStores } from "./refresh-cohort.ts";
import type { Claim, RefreshLedger } from "./refresh-ledger.ts";

/** Refreshes of one worker process at once. */
const lanes = 2;
/** How often an idle lane looks for a cohort that is due. */
const idleMs = 1_000;
/** Longest work on one cohort; shorter than its lease, so that no two workers ever refresh the same. */
const refreshMsMax = 50_000;

export class CohortRefresher {
  readonly #stores: RefreshStores;
  readonly #ledger: RefreshLedger;
  readonly #metrics: CohortMetrics;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #lanes: Promise<void>[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(options: {
    stores: RefreshStores;
    ledger: RefreshLedger;
    metrics: CohortMetrics;
    log: Logger;
  }) {
    this.#stores = options.stores;
    this.#ledger = options.ledger;
    this.#metrics = options.metrics;
    this.#log = options.log;
  }

  start(): void {
    this.#lanes = Array.from({ length: lanes }, () => this.#run());
  }

  /** Somebody waits for a refresh: idle lanes look at once. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Refreshes under way are given back undone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await Promise.all(this.#lanes);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const woken = this.#wake.promise;
      try {
        const claim = await this.#ledger.claim();
        if (claim !== undefined) await this.#refresh(claim);
        else await Promise.race([woken, pause(idleMs)]);
      } catch (error) {
        // The relational store is away: nothing is claimed, and what was claimed comes back when its lease ends.
        this.#log.warn({ err: error }, "cohorts could not be claimed or given back, trying again");
        await Promise.race([woken, pause(idleMs)]);
      }
    }
  }

  async #refresh(claim: Claim): Promise<void> {
    const { signal } = this.#stopping;
    const end = this.#metrics.refreshSeconds.startTimer();
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(refreshMsMax)]);
      const refreshed = await refreshCohort(this.#stores, claim, limit);
      await this.#ledger.succeed(claim, refreshed);
      this.#metrics.refreshes.inc({ outcome: "done" });
    } catch (error) {
      if (signal.aborted) return await this.#ledger.release(claim);
      this.#metrics.refreshes.inc({ outcome: "failed" });
      this.#log.warn(
        { err: error, cohort: claim.cohortId },
        "cohort could not be refreshed, trying again later",
      );
      await this.#ledger.fail(claim, describeFailure(error));
    } finally {
      end();
    }
  }
}

/** What its owner may read: codes and kinds, nothing of other servers' texts. */
function describeFailure(error: unknown): string {
  if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
  if (error instanceof ClickHouseError) return `STORE_REFUSED: ${error.type ?? error.code}`;
  if (error instanceof Error && error.name === "TimeoutError") return "TIMEOUT: the refresh took too long";
  return "STORE_UNAVAILABLE: a store is away";
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
