// Removes what is too old of one partition of raw rows: copies what is to be copied, says that the month is gone, and
// drops the partition in a moment in which nothing is stored. Begun again after a crash, it ends the same: what is
// dropped was stored before the removal's instant, and is in a verified archive where one is wanted.
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { Archiver } from "./archiver.ts";
import type { RawPartition } from "./archive-rows.ts";
import { projectsExpired, type ProjectPolicy } from "./decide-expiry.ts";
import type { RetentionMetrics } from "./metrics.ts";
import { rawTables, type RawStore } from "./raw-store.ts";
import type { Removal, RemovalLedger } from "./removal-ledger.ts";
import { whileLogRests } from "./rest-of-log.ts";

const dayMs = 86_400_000;
/** Later stored rows have a later time than the removal's instant. */
const instantMs = 2;
/** Longest that a repeat of an event is known as one. */
const repeatDaysMax = 90;

export interface RemoverOptions {
  readonly postgres: Postgres;
  readonly store: RawStore;
  readonly ledger: RemovalLedger;
  readonly archiver: Archiver;
  readonly metrics: RetentionMetrics;
}

export class Remover {
  readonly #options: RemoverOptions;

  constructor(options: RemoverOptions) {
    this.#options = options;
  }

  /** Writes down that the partition's rows of these projects go; false when the moment for it could not be had. */
  async begin(partition: RawPartition, projects: readonly number[], signal: AbortSignal): Promise<boolean> {
    const { postgres, store, ledger } = this.#options;
    const uptoMs = await whileLogRests(postgres, async (resting) => {
      const nowMs = await store.nowMs(AbortSignal.any([signal, resting]));
      await new Promise((resolve) => setTimeout(resolve, instantMs));
      return nowMs;
    });
    if (uptoMs === undefined) return false;
    await ledger.begin(partition, projects, uptoMs);
    return true;
  }

  /** One step further; true when the removal has ended. */
  async advance(
    removal: Removal,
    policies: readonly ProjectPolicy[],
    nowMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { store, ledger, archiver, metrics } = this.#options;
    if (removal.state === "copying") {
      const expired = projectsExpired(removal.month, policies, nowMs);
      const wanted = removal.projects.map((id) => expired.find(({ projectId }) => projectId === id));
      // Somebody changed a policy meanwhile: everything is decided anew.
      if (wanted.includes(undefined)) {
        await this.#forget(removal);
        return true;
      }
      for (const { projectId, archive } of wanted as ProjectPolicy[]) {
        if (archive === undefined) continue;
        metrics.rowsArchived.inc(await archiver.copy(removal, projectId, archive, signal));
      }
      await ledger.beginRemoving(removal);
    }
    await store.rememberIds(removal, removal, nowMs - repeatDaysMax * dayMs, signal);
    const outcome = await this.#remove(removal, signal);
    if (outcome === "later") return false;
    if (outcome === "changed") {
      await this.#forget(removal);
      return true;
    }
    await ledger.finish(removal);
    metrics.partitionsRemoved.inc();
    return true;
  }

  async #remove(removal: Removal, signal: AbortSignal): Promise<"done" | "later" | "changed"> {
    const { postgres, store, ledger } = this.#options;
    const copied = new Map((await ledger.ofRemoval(removal)).map(({ projectId, rows }) => [projectId, rows]));
    const dropped = await whileLogRests(postgres, async (resting) => {
      const both = AbortSignal.any([signal, resting]);
      // Fewer than were copied, when somebody was erased meanwhile. More are rows that a clock that was set back dates
      // before the removal's instant: everything is decided anew.
      const there = await store.rowsUpTo(removal, removal, both);
      for (const [projectId, rows] of copied) if ((there.get(projectId) ?? 0) > rows) return "changed";
      const others = await store.others(removal, removal, both);
      // Batches are compared with the store by their row counts: those of the removed rows would seem lost.
      await postgres.query("DELETE FROM log_batches");
      if (others > 0) return "shared";
      // Waited for to its end, whoever stops: the store would go on with it after the moment is over.
      await store.dropPartition("events", removal, new AbortController().signal);
      return "dropped";
    });
    if (dropped === undefined) return "later";
    if (dropped === "changed") return "changed";
    // Others have rows in the partition, or some came since: these stay, whatever it costs.
    if (dropped === "shared") {
      await store.deleteRows(removal, removal, signal);
      return "done";
    }
    for (const table of rawTables) {
      if (table !== "events") await store.dropPartition(table, removal, signal);
    }
    return "done";
  }

  async #forget(removal: Removal): Promise<void> {
    const { ledger, archiver } = this.#options;
    for (const archive of await ledger.ofRemoval(removal)) await archiver.remove(archive);
    await ledger.forget(removal);
  }
}
