// Copies a project's rows of a partition into an archive: a file, read back from where it lies and compared row for row
// by number and hash, then its manifest. Only then it counts.
import { createHash } from "node:crypto";
import type { Manifest } from "#schemas/retention/archive.ts";
import { nameOfMonth } from "#schemas/retention/month.ts";
import type { ArchivePlace, ArchivePlaces, PlaceName, WrittenFile } from "./archive-place.ts";
import { archiveColumns, rowsOfArchive } from "./archive-rows.ts";
import { parametersOf, type RawStore, type RowSummary } from "./raw-store.ts";
import type { ArchiveRecord, Removal, RemovalLedger } from "./removal-ledger.ts";

export interface ArchiverOptions {
  readonly store: RawStore;
  readonly ledger: RemovalLedger;
  readonly places: ArchivePlaces;
}

export class Archiver {
  readonly #options: ArchiverOptions;

  constructor(options: ArchiverOptions) {
    this.#options = options;
  }

  /** Throws Error when the place is not configured. */
  place(name: PlaceName): ArchivePlace {
    const place = this.#options.places(name);
    if (place === undefined) throw new Error(`the archive ${name} is not configured`);
    return place;
  }

  /** Answers the rows that were copied; one that was stored before is not written again. */
  async copy(
    removal: Removal,
    projectId: number,
    placeName: PlaceName,
    signal: AbortSignal,
  ): Promise<number> {
    const { store, ledger } = this.#options;
    const archive = await ledger.ensureArchive(removal, projectId, placeName);
    if (archive.state === "stored") return 0;
    const place = this.place(archive.place);
    const parameters = { ...parametersOf(removal), project: projectId, upto: removal.uptoMs };
    const before = await store.summarize("events", rowsOfArchive, parameters, signal);
    if (before.rows === 0) {
      await ledger.forgetArchive(archive.id);
      return 0;
    }
    const file = await place.write(
      archive.path,
      await store.write("events", rowsOfArchive, parameters, signal),
      signal,
    );
    const read = await this.stage(archive, file, 0, signal);
    await store.emptyStaging(signal);
    if (read.rows !== before.rows || read.hash !== before.hash) {
      throw new Error("an archive does not hold the rows it was made of");
    }
    await writeManifest(place, archive, read, file, signal);
    await ledger.finishArchive(archive.id, read, file);
    return read.rows;
  }

  /** Reads the file into the empty staging table; throws Error when it is not the one that was written. */
  async stage(
    archive: ArchiveRecord,
    file: Pick<WrittenFile, "sha256">,
    retentionClass: number,
    signal: AbortSignal,
    without: readonly number[] = [],
  ): Promise<RowSummary> {
    const { store } = this.#options;
    await store.emptyStaging(signal);
    await this.append(archive, file, retentionClass, signal, without);
    return store.summarize("events_staging", "1", {}, signal);
  }

  /** How many rows of these users the file has; throws Error when it is not the one that was written. */
  async countOf(
    archive: ArchiveRecord,
    file: Pick<WrittenFile, "sha256">,
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<number> {
    const hash = createHash("sha256");
    const pieces = hashed(this.place(archive.place).read(archive.path, signal), hash);
    const rows = await this.#options.store.countOf(pieces, numbers, signal);
    if (hash.digest("hex") !== file.sha256) {
      throw new Error("an archive's file is not the one that was written");
    }
    return rows;
  }

  /** As `stage`, beside what is in the table. */
  async append(
    archive: ArchiveRecord,
    file: Pick<WrittenFile, "sha256">,
    retentionClass: number,
    signal: AbortSignal,
    without: readonly number[] = [],
  ): Promise<void> {
    const hash = createHash("sha256");
    const pieces = hashed(this.place(archive.place).read(archive.path, signal), hash);
    const { projectId } = archive;
    await this.#options.store.stage(pieces, { projectId, retentionClass, without }, signal);
    if (hash.digest("hex") !== file.sha256) {
      throw new Error("an archive's file is not the one that was written");
    }
  }

  async remove(archive: ArchiveRecord): Promise<void> {
    const place = this.place(archive.place);
    await place.remove(archive.path);
    await place.remove(manifestPath(archive.path));
  }
}

export async function writeManifest(
  place: ArchivePlace,
  archive: Pick<ArchiveRecord, "id" | "projectPublicId" | "month" | "path">,
  summary: RowSummary,
  file: WrittenFile,
  signal: AbortSignal,
): Promise<void> {
  const manifest: Manifest = {
    format: 1,
    archive_id: archive.id,
    project: archive.projectPublicId,
    month: nameOfMonth(archive.month),
    file: archive.path.split("/").at(-1) ?? "",
    rows: summary.rows,
    row_hash: summary.hash,
    bytes: file.bytes,
    sha256: file.sha256,
    first_at: new Date(summary.firstMs).toISOString(),
    last_at: new Date(summary.lastMs).toISOString(),
    columns: archiveColumns,
  };
  await place.write(manifestPath(archive.path), oneOf(`${JSON.stringify(manifest, null, 2)}\n`), signal);
}

export function manifestPath(path: string): string {
  return path.replace(/\.parquet$/, ".json");
}

async function* oneOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function* hashed(
  pieces: AsyncIterable<Uint8Array>,
  hash: { update(piece: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}
