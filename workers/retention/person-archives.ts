// Takes erased people out of archives: each file that holds some of their rows is written anew without them, compared,
// and takes the place of the old one, which is removed.
import { setTimeout as sleep } from "node:timers/promises";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { writeManifest, type Archiver } from "./archiver.ts";
import type { RawStore } from "./raw-store.ts";
import type { ArchiveRecord, RemovalLedger } from "./removal-ledger.ts";
import { tryLock } from "./whole-lock.ts";

const lookMs = 200;

export interface PersonArchivesOptions {
  readonly postgres: Postgres;
  readonly store: RawStore;
  readonly ledger: RemovalLedger;
  readonly archiver: Archiver;
}

/** Two names that a file's versions have in turns: whichever is not in use may be removed at any time. */
function otherPath(path: string): string {
  return path.endsWith("-b.parquet")
    ? path.replace(/-b\.parquet$/, ".parquet")
    : path.replace(/\.parquet$/, "-b.parquet");
}

export class PersonArchives {
  readonly #options: PersonArchivesOptions;

  constructor(options: PersonArchivesOptions) {
    this.#options = options;
  }

  /** Answers how many rows were left out; again is the same as once. Waits while archives are written or restored. */
  async leaveOut(projectId: number, numbers: readonly number[], signal: AbortSignal): Promise<number> {
    const { postgres, ledger } = this.#options;
    if ((await ledger.ofProject(projectId)).length === 0) return 0;
    for (;;) {
      signal.throwIfAborted();
      const lock = await tryLock(postgres);
      if (lock === undefined) {
        await sleep(lookMs, undefined, { signal });
        continue;
      }
      try {
        let rows = 0;
        const both = AbortSignal.any([signal, lock.lost]);
        for (const archive of await ledger.ofProject(projectId)) {
          rows += await this.#rewrite(archive, numbers, both);
        }
        return rows;
      } finally {
        await lock.release();
      }
    }
  }

  async #rewrite(archive: ArchiveRecord, numbers: readonly number[], signal: AbortSignal): Promise<number> {
    const { store, ledger, archiver } = this.#options;
    // What a former try left; and a file that was never finished is written from the rows again.
    await archiver.remove({ ...archive, path: otherPath(archive.path) });
    if (archive.state !== "stored") return 0;
    // Reading one column, instead of all rows into a table and a hash of them: nearly all files, at the second look.
    const rowsOfPeople = await archiver.countOf(archive, archive, numbers, signal);
    if (rowsOfPeople === 0) return 0;
    const left = await archiver.stage(archive, archive, 0, signal, numbers);
    if (left.rows !== archive.rows - rowsOfPeople) {
      throw new Error("an archive has other rows of a person than were counted");
    }
    if (left.rows === 0) {
      await archiver.remove(archive);
      await ledger.forgetArchive(archive.id);
      return archive.rows;
    }
    const place = archiver.place(archive.place);
    const written = { ...archive, path: otherPath(archive.path) };
    const rows = await store.write("events_staging", "1", {}, signal);
    const file = await place.write(written.path, rows, signal);
    const read = await archiver.stage(written, file, 0, signal);
    await store.emptyStaging(signal);
    if (read.rows !== left.rows || read.hash !== left.hash) {
      throw new Error("an archive does not hold the rows it was made of");
    }
    await writeManifest(place, written, read, file, signal);
    await ledger.finishArchive(archive.id, read, file, written.path);
    await archiver.remove(archive);
    return archive.rows - read.rows;
  }
}
