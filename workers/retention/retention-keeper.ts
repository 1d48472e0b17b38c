// Looks from time to time for what is too old, and for archives that are asked for, and does one piece after the other:
// what was begun first, then restores, then what has become too old since.
import type { Logger } from "#ops/runtime/log.ts";
import { describeFailure } from "../background/describe-failure.ts";
import { Lanes } from "../background/lanes.ts";
import { removeAggregates } from "./aggregates.ts";
import type { Archiver } from "./archiver.ts";
import { projectsExpired } from "./decide-expiry.ts";
import type { RetentionMetrics } from "./metrics.ts";
import type { PolicyStore } from "./policy-store.ts";
import type { RawStore } from "./raw-store.ts";
import type { RemovalLedger } from "./removal-ledger.ts";
import type { Remover } from "./remover.ts";
import type { RestoreLedger } from "./restore-ledger.ts";
import type { Restorer } from "./restorer.ts";
import { tryLock, type HeldLock } from "./whole-lock.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";

const idleMs = 2_000;
/** How often the partitions are looked at, unless a policy changed. */
const lookMs = 300_000;

export interface RetentionKeeperOptions {
  readonly postgres: Postgres;
  readonly store: RawStore;
  readonly policies: PolicyStore;
  readonly ledger: RemovalLedger;
  readonly restores: RestoreLedger;
  readonly archiver: Archiver;
  readonly remover: Remover;
  readonly restorer: Restorer;
  readonly metrics: RetentionMetrics;
  /** The time by which things are too old. */
  readonly now: () => number;
  readonly log: Logger;
}

export class RetentionKeeper {
  readonly #options: RetentionKeeperOptions;
  readonly #lanes: Lanes<HeldLock>;
  #lookAtMs = 0;

  constructor(options: RetentionKeeperOptions) {
    this.#options = options;
    this.#lanes = new Lanes({
      lanes: 1,
      claim: () => this.#claim(),
      work: (lock, signal) => this.#work(lock, signal),
      trouble: "old events could not be looked for, trying again",
      idleMs,
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  /** A policy changed, or a restore is asked for. */
  wake(): void {
    this.#lookAtMs = 0;
    this.#lanes.wake();
  }

  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #claim(): Promise<HeldLock | undefined> {
    const { ledger, restores, postgres } = this.#options;
    const isDue =
      performance.now() >= this.#lookAtMs ||
      (await restores.due()) !== undefined ||
      (await ledger.open()).length > 0;
    return isDue ? tryLock(postgres) : undefined;
  }

  async #work(lock: HeldLock, stopping: AbortSignal): Promise<void> {
    const { metrics, log } = this.#options;
    const signal = AbortSignal.any([stopping, lock.lost]);
    try {
      await this.round(signal);
    } catch (error) {
      if (stopping.aborted) return;
      metrics.failures.inc();
      log.warn({ err: error }, "old events could not be removed or restored yet, trying again");
      await this.#lanes.rest(idleMs);
    } finally {
      await lock.release();
    }
  }

  /** Everything that is due now. */
  async round(signal: AbortSignal): Promise<void> {
    // Before anything is read: who wakes us meanwhile is heard.
    const looks = performance.now() >= this.#lookAtMs;
    if (looks) this.#lookAtMs = performance.now() + lookMs;
    try {
      await this.#restores(signal);
      await this.#removals(signal);
      if (!looks) return;
      await this.#forgetDeleted();
      await this.#beginRemovals(signal);
      await this.#removals(signal);
      const { store, policies, postgres, now } = this.#options;
      await removeAggregates({ store, postgres }, await policies.all(), now(), signal);
    } catch (error) {
      this.#lookAtMs = 0;
      throw error;
    }
  }

  async #removals(signal: AbortSignal): Promise<void> {
    const { ledger, remover, policies, now } = this.#options;
    const problems: unknown[] = [];
    for (const removal of await ledger.open()) {
      try {
        await remover.advance(removal, await policies.all(), now(), signal);
      } catch (error) {
        signal.throwIfAborted();
        // An archive's place that is away must not keep others from theirs.
        problems.push(error);
      }
    }
    if (problems.length > 0) throw problems[0];
  }

  async #restores(signal: AbortSignal): Promise<void> {
    const { restores, restorer, log, metrics } = this.#options;
    for (let restore = await restores.due(); restore !== undefined; restore = await restores.due()) {
      try {
        await restorer.advance(restore, signal);
      } catch (error) {
        signal.throwIfAborted();
        metrics.failures.inc();
        log.warn(
          { err: error, restore: restore.id },
          "a month could not be restored yet, trying again later",
        );
        await restores.fail(restore.id, describeFailure(error));
      }
    }
  }

  /** Archives outlive the rows, but not the project. */
  async #forgetDeleted(): Promise<void> {
    const { ledger, archiver } = this.#options;
    for (const archive of await ledger.ofDeletedProjects()) {
      await archiver.remove(archive);
      await ledger.forgetArchive(archive.id);
    }
  }

  async #beginRemovals(signal: AbortSignal): Promise<void> {
    const { store, policies, remover, now } = this.#options;
    const all = await policies.all();
    if (all.every(({ rawDays }) => rawDays === undefined)) return;
    for (const partition of await store.partitions(signal)) {
      const expired = projectsExpired(partition.month, all, now()).map(({ projectId }) => projectId);
      if (expired.length === 0) continue;
      const projects = await store.projectsIn(partition, expired, signal);
      if (projects.length === 0) continue;
      if (!(await remover.begin(partition, projects, signal))) this.#lookAtMs = 0;
    }
  }
}
