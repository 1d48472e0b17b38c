// Brings a month back from its archives, and lets it go again. The rows come into tables that nothing depends on, are
// compared with what was copied, and move as a whole partition of their own: counts, which never went, are not touched,
// and doing it twice is the same as once.
import type { Archiver } from "./archiver.ts";
import { fillSample, fillSteps } from "./archive-rows.ts";
import type { RetentionMetrics } from "./metrics.ts";
import { rawTables, type RawStore } from "./raw-store.ts";
import type { RemovalLedger } from "./removal-ledger.ts";
import type { RestoreClaim, RestoreLedger } from "./restore-ledger.ts";

export interface RestorerOptions {
  readonly store: RawStore;
  readonly ledger: RemovalLedger;
  readonly restores: RestoreLedger;
  readonly archiver: Archiver;
  readonly metrics: RetentionMetrics;
}

export class Restorer {
  readonly #options: RestorerOptions;

  constructor(options: RestorerOptions) {
    this.#options = options;
  }

  async advance(restore: RestoreClaim, signal: AbortSignal): Promise<void> {
    if (restore.state === "releasing") await this.#release(restore, signal);
    else await this.#restore(restore, signal);
  }

  async #restore(restore: RestoreClaim, signal: AbortSignal): Promise<void> {
    const { store, ledger, restores, archiver, metrics } = this.#options;
    const archives = await ledger.ofMonth(restore.projectId, restore.month);
    await store.emptyStaging(signal);
    for (const archive of archives) await archiver.append(archive, archive, restore.retentionClass, signal);
    const { rows, hash } = await store.summarize("events_staging", "1", {}, signal);
    const copied = archives.reduce((sum, archive) => sum + archive.rows, 0);
    const hashes = archives.reduce((sum, archive) => sum + BigInt(archive.hash), 0n);
    if (rows !== copied || BigInt(hash) !== BigInt.asUintN(64, hashes)) {
      throw new Error("archives do not hold the rows that were copied");
    }
    await store.fill(fillSteps, signal);
    await store.fill(fillSample, signal);
    for (const table of rawTables) await store.replacePartition(table, restore, signal);
    await store.emptyStaging(signal);
    await restores.finish(restore, rows);
    metrics.rowsRestored.inc(rows);
  }

  async #release(restore: RestoreClaim, signal: AbortSignal): Promise<void> {
    const { store, restores } = this.#options;
    await restores.beginReleasing(restore);
    for (const table of rawTables) await store.dropPartition(table, restore, signal);
    await restores.finishReleasing(restore);
  }
}
