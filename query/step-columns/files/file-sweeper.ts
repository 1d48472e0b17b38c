// Each minute: removes the files of projects that are gone and of epochs that are over, because somebody was erased from
// their rows, and writes down which files are used.
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { QueryMetrics } from "../../metrics.ts";
import { sweepColumnFiles } from "./column-directory.ts";
import type { ColumnFiles } from "./column-files.ts";

const everyMs = 60_000;

export class FileSweeper {
  readonly #files: ColumnFiles;
  readonly #postgres: Postgres;
  readonly #log: Logger;
  readonly #metrics: QueryMetrics;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(options: { files: ColumnFiles; postgres: Postgres; log: Logger; metrics: QueryMetrics }) {
    this.#files = options.files;
    this.#postgres = options.postgres;
    this.#log = options.log;
    this.#metrics = options.metrics;
  }

  start(): void {
    this.#begin();
    this.#timer = setInterval(() => this.#begin(), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
    await this.#files.stop();
  }

  /** One round. */
  async sweep(): Promise<void> {
    this.#files.markUsed();
    const { rows } = await this.#postgres.query<{ id: number; epoch: string }>(
      "SELECT id, answers_epoch AS epoch FROM projects WHERE deleted_at IS NULL",
    );
    const { removed, bytes } = await sweepColumnFiles({
      directory: this.#files.directory,
      own: this.#files.ownDirectory,
      epochs: new Map(rows.map(({ id, epoch }) => [Number(id), BigInt(epoch)])),
      nowMs: Date.now(),
    });
    this.#metrics.columnFiles.inc({ outcome: "removed" }, removed);
    this.#metrics.columnDiskBytes.set(bytes);
  }

  #begin(): void {
    this.#round ??= this.sweep()
      .catch((error: unknown) => this.#log.warn({ err: error }, "files of columns were not swept"))
      .finally(() => (this.#round = undefined));
  }
}
