// Keeps all cohorts fresh: a few lanes, each taking the cohort that is due the longest. Any number of worker
// processes do this at once; claims keep them apart.
import type { Logger } from "#ops/runtime/log.ts";
import { describeFailure } from "../background/describe-failure.ts";
import { Lanes } from "../background/lanes.ts";
import type { CohortMetrics } from "./metrics.ts";
import { refreshCohort, type RefreshStores } from "./refresh-cohort.ts";
import type { Claim, RefreshLedger } from "./refresh-ledger.ts";

/** Refreshes of one worker process at once. */
const lanes = 2;
/** Longest work on one cohort; shorter than its lease, so that no two workers ever refresh the same. */
const refreshMsMax = 50_000;

export class CohortRefresher {
  readonly #stores: RefreshStores;
  readonly #ledger: RefreshLedger;
  readonly #metrics: CohortMetrics;
  readonly #log: Logger;
  readonly #lanes: Lanes<Claim>;

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
    this.#lanes = new Lanes({
      lanes,
      claim: () => this.#ledger.claim(),
      work: (claim, signal) => this.#refresh(claim, signal),
      trouble: "cohorts could not be claimed or given back, trying again",
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  /** Somebody waits for a refresh: idle lanes look at once. */
  wake(): void {
    this.#lanes.wake();
  }

  /** Refreshes under way are given back undone. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #refresh(claim: Claim, signal: AbortSignal): Promise<void> {
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
