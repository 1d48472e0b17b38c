// The columns that lie in files, so that they outlive the process: found by name, written after they were read from the
// store, and bounded. Several processes may share the directory: files come and go whole, by their names, and whoever
// finds one gone reads the store instead.
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, statfsSync, utimesSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import type { Logger } from "#ops/runtime/log.ts";
import type { QueryMetrics } from "../../metrics.ts";
import type { TaskPool } from "../../task-pool.ts";
import { dayMs, stepListBytes } from "../step-list.ts";
import type { Held } from "../wanted-rows.ts";
import {
  readColumnHead,
  readColumnName,
  writeColumnFile,
  type ColumnFile,
  type ColumnName,
  type WriteTask,
} from "./column-file.ts";
import { listColumnFiles, makeRoom } from "./column-directory.ts";

export interface ColumnFilesOptions {
  readonly directory: string;
  /** Other installations have other events under the same names. */
  readonly installation: string;
  /** Of all files in the directory. */
  readonly bytesMax: number;
  /** Columns of fewer rows are read from the store as quickly; tests have small ones. */
  readonly rowsMin?: number;
  readonly pool: TaskPool;
  readonly log: Logger;
  readonly metrics?: QueryMetrics;
}

const rowsMinDefault = 100_000;
/** A file is written anew when it lacks this share of the rows that the column holds by now. */
const lagMax = 0.02;
/** Bytes that stay free on the disk, which others need more. */
const freeBytesMin = 2 * 1024 ** 3;
/** Columns that wait to be written; their memory is held by then anyway. */
const waitingMax = 64;

const taskFile = new URL("./column-file.ts", import.meta.url).href;

export type NamedColumn = Omit<ColumnName, "installation">;

export class ColumnFiles {
  readonly directory: string;
  /** What of it is this installation's. */
  readonly ownDirectory: string;
  readonly #installation: string;
  readonly #options: ColumnFilesOptions;
  readonly #rowsMin: number;
  /** By path; the latest of each. */
  readonly #waiting = new Map<string, { name: ColumnName; held: Held }>();
  #writing: Promise<void> | undefined;
  /** Since the last sweep. */
  readonly #used = new Set<string>();

  constructor(options: ColumnFilesOptions) {
    this.directory = options.directory;
    this.#installation = options.installation;
    this.ownDirectory = join(options.directory, nameOf(options.installation));
    this.#options = options;
    this.#rowsMin = options.rowsMin ?? rowsMinDefault;
  }

  /** What a file holds of the column, whichever days that are. */
  find(column: NamedColumn): ColumnFile | undefined {
    const path = this.pathOf(column);
    try {
      return readColumnHead(path, { ...column, installation: this.#installation });
    } catch (error) {
      if (isGone(error)) return undefined;
      this.remove(path, error);
      return undefined;
    }
  }

  /** Columns that were used or written since then, the latest first; none that cannot be told. */
  async usedSince(instantMs: number): Promise<NamedColumn[]> {
    const files = await listColumnFiles(this.directory);
    return files
      .filter(({ path, usedMs }) => usedMs >= instantMs && path.startsWith(join(this.ownDirectory, sep)))
      .toSorted((left, right) => right.usedMs - left.usedMs)
      .flatMap(({ path }) => {
        try {
          const { projectId, epoch, event } = readColumnName(path);
          return [{ projectId, epoch, event }];
        } catch {
          // Whoever asks for it finds out.
          return [];
        }
      });
  }

  /** It cannot be read: nobody is to try again. */
  remove(path: string, error: unknown): void {
    this.#options.metrics?.columnFiles.inc({ outcome: "unreadable" });
    this.#options.log.warn({ err: error, path }, "a column's file cannot be read and is removed");
    try {
      rmSync(path, { force: true });
    } catch (failed) {
      this.#options.log.debug({ err: failed }, "a column's file cannot be removed");
    }
  }

  /** It turned out to be torn when it was read; not when another one has taken its place since. */
  discard(column: NamedColumn, file: ColumnFile, error: unknown): void {
    if (this.find(column)?.checksum === file.checksum) this.remove(file.path, error);
  }

  /** True when so many bytes more take no other file's place. */
  async hasRoom(bytes: number): Promise<boolean> {
    const files = await listColumnFiles(this.directory);
    const taken = files.reduce((sum, file) => sum + file.bytes, 0);
    return taken + bytes <= this.#options.bytesMax && this.#isDiskFree(bytes);
  }

  /** Its column was used: it is one of the last to go. */
  note(column: NamedColumn): void {
    this.#used.add(this.pathOf(column));
  }

  /** Writes down in the files themselves, for all processes, that they are used. */
  markUsed(): void {
    const now = new Date();
    for (const path of this.#used) {
      try {
        utimesSync(path, now, now);
      } catch (error) {
        if (!isGone(error)) this.#options.log.debug({ err: error }, "a column's file cannot be touched");
      }
    }
    this.#used.clear();
  }

  /** Has the column written, unless its file lacks little. */
  offer(column: NamedColumn, held: Held): void {
    if (!this.isWorth(column, held)) return;
    const path = this.pathOf(column);
    if (this.#waiting.size >= waitingMax && !this.#waiting.has(path)) return;
    this.#waiting.set(path, { name: { ...column, installation: this.#installation }, held });
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** True when a file of it spares reading many rows that no file has yet. */
  isWorth(column: NamedColumn, { fromMs, dayRows }: Pick<Held, "fromMs" | "dayRows">): boolean {
    const rows = sumOf(dayRows);
    if (rows < this.#rowsMin) return false;
    const file = this.find(column);
    if (file === undefined) return true;
    let kept = 0;
    dayRows.forEach((count, day) => {
      if (file.dayRows[day + (fromMs - file.fromMs) / dayMs] === count) kept += count;
    });
    // A file of more days is not given up for one of fewer.
    return rows - kept > lagMax * rows && rows > sumOf(file.dayRows);
  }

  /** Until nothing waits to be written. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  /** Finishes what is being written; what waits is not written any more. */
  async stop(): Promise<void> {
    this.#waiting.clear();
    await this.#writing;
  }

  pathOf({ projectId, epoch, event }: NamedColumn): string {
    const name = event === null ? "any" : nameOf(event);
    return join(this.ownDirectory, `${projectId}-${epoch}`, `${name}.column`);
  }

  async #write(): Promise<void> {
    for (const [path, { name, held }] of this.#waiting) {
      this.#waiting.delete(path);
      try {
        await this.#writeOne({ path, name, fromMs: held.fromMs, dayRows: held.dayRows, lists: held.lists });
      } catch (error) {
        this.#options.log.warn({ err: error }, "a column cannot be written to a file");
      }
    }
  }

  async #writeOne(task: WriteTask): Promise<void> {
    const { bytesMax, metrics, pool } = this.#options;
    const bytes = task.lists.reduce((sum, list) => sum + stepListBytes(list), 0);
    mkdirSync(dirname(task.path), { recursive: true, mode: 0o700 });
    if (bytes > bytesMax || !this.#isDiskFree(bytes)) {
      metrics?.columnFiles.inc({ outcome: "no_room" });
      return;
    }
    this.markUsed();
    const gone = makeRoom(await listColumnFiles(this.directory), bytesMax - bytes, task.path);
    for (const path of gone) rmSync(path, { force: true });
    metrics?.columnFiles.inc({ outcome: "evicted" }, gone.length);
    const written = (await pool.run(task, { filename: taskFile, name: writeColumnFile.name })) as number;
    metrics?.columnFiles.inc({ outcome: "written" });
    metrics?.columnFileBytes.inc({ direction: "written" }, written);
  }

  #isDiskFree(bytes: number): boolean {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize - bytes >= freeBytesMin;
  }
}

function sumOf(counts: Uint32Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Of any text a name that every file system takes. */
function nameOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
