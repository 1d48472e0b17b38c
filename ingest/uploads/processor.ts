// Takes received files through the log, chunk by chunk: read in a pool thread, published, then counted. A file stays
// with the process that received it; after a crash that process goes on from the last counted chunk. What it
// publishes again then has the same event ids, and counts once.
import { setTimeout as sleep } from "node:timers/promises";
import type { Piscina } from "piscina";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { errorsShownMax, type UploadPosition, type UploadWork } from "#schemas/uploads/upload.ts";
import type { Publisher } from "#streams/publisher.ts";
import type { EventsObserver, Intake } from "../events/intake.ts";
import { publishChunk } from "./publish-chunk.ts";
import type { ChunkInput, ChunkOutput } from "./read-chunk.ts";
import type { OccurrencesHandle } from "./row-occurrences.ts";
import type { UploadFiles } from "./upload-files.ts";
import { uploadLimits } from "./upload-limits.ts";
import type { UploadRecords } from "./upload-records.ts";

const retryMs = 1_000;
/** Thrown by waits when the process stops. */
class Stopped extends Error {}

export interface ProcessorOptions {
  readonly files: UploadFiles;
  readonly records: UploadRecords;
  readonly intake: Intake;
  readonly publisher: Publisher;
  readonly observer: EventsObserver;
  readonly pool: Piscina;
  readonly log: Logger;
}

export class UploadProcessor {
  readonly #options: ProcessorOptions;
  readonly #stopping = new AbortController();
  readonly #waiting: string[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #processing = 0;

  constructor(options: ProcessorOptions) {
    this.#options = options;
  }

  /** Files that are not finished. */
  get unfinished(): number {
    return this.#waiting.length + this.#processing;
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Goes on with what an earlier run of this process left. */
  async start(): Promise<void> {
    const { received, incomplete } = await this.#options.files.list();
    for (const id of incomplete) {
      await this.#options.files.remove(id);
      this.forget(id);
    }
    for (const id of received) this.add(id);
  }

  /** The file is on disk and recorded. */
  add(id: string): void {
    this.#waiting.push(id);
    this.#next();
  }

  /** The record of an upload that never was goes, as soon as the service is there. */
  forget(id: string): void {
    this.#track(this.#surely(() => this.#options.records.discard(id)));
  }

  /** What is being published is waited for; the rest is done by the next run. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#underWay);
  }

  #next(): void {
    while (this.#processing < uploadLimits.processingMax && !this.stopped) {
      const id = this.#waiting.shift();
      if (id === undefined) return;
      this.#processing += 1;
      this.#track(
        this.#process(id).finally(() => {
          this.#processing -= 1;
          this.#next();
        }),
      );
    }
  }

  #track(task: Promise<void>): void {
    const done: Promise<void> = task
      .catch((error: unknown) => {
        if (!(error instanceof Stopped))
          this.#options.log.error({ err: error }, "upload could not be processed");
      })
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  async #process(id: string): Promise<void> {
    const { files, records, log } = this.#options;
    let work = await this.#surely(() => records.work(id));
    try {
      while (work !== null) work = await this.#readOn(work);
      // Finished, gone with its project, or never recorded as received.
      await this.#surely(() => records.discard(id));
    } catch (error) {
      if (error instanceof Stopped) throw error;
      log.error({ err: error, upload: id }, "upload failed");
      const { code, message } = error instanceof MillraceError ? error : new MillraceError("INTERNAL");
      await this.#surely(() => records.fail(id, { line: 1, code, message }));
    }
    await files.remove(id);
  }

  /** Null when the file is done; else another process was faster, and what is left to do now. */
  async #readOn(work: UploadWork): Promise<UploadWork | null> {
    const { records } = this.#options;
    let occurrences = await this.#countBefore(work);
    let { position, chunk, rejected } = work;
    for (;;) {
      const output = await this.#read(work, position, occurrences, uploadLimits.chunkRowsMax);
      occurrences = output.occurrences;
      await publishChunk({ ...this.#options, pause: (ms) => this.#pause(ms) }, work, output);
      const isCounted = await this.#surely(() =>
        records.save({
          id: work.id,
          chunk,
          position: output.position,
          accepted: output.accepted,
          rejected: output.rejected,
          errors: output.errors.slice(0, Math.max(0, errorsShownMax - rejected)),
          rejects: output.rejects === undefined ? "" : Buffer.from(output.rejects).toString("base64"),
          done: output.done,
          failure: output.failure,
        }),
      );
      if (!isCounted) {
        const now = await this.#surely(() => records.work(work.id));
        // The answer to an earlier try was lost, and this chunk is counted; or the file is finished.
        if (now === null) return null;
        if (now.chunk !== chunk + 1 || now.position.bytes !== output.position.bytes) return now;
      }
      if (output.done || output.failure !== null) return null;
      position = output.position;
      rejected += output.rejected;
      chunk += 1;
    }
  }

  /** With `dedupe=rows`: reads again what is before the position, and only counts it. */
  async #countBefore(work: UploadWork): Promise<OccurrencesHandle | undefined> {
    if (work.mapping.dedupe !== "rows") return undefined;
    let occurrences: OccurrencesHandle | undefined;
    let at: UploadPosition = { bytes: work.plan.startBytes, lines: work.plan.startLines, rows: 0 };
    while (at.rows < work.position.rows) {
      const rowsMax = Math.min(uploadLimits.chunkRowsMax, work.position.rows - at.rows);
      const output = await this.#read(work, at, occurrences, rowsMax);
      occurrences = output.occurrences;
      at = output.position;
    }
    return occurrences;
  }

  async #read(
    work: UploadWork,
    position: UploadPosition,
    occurrences: OccurrencesHandle | undefined,
    rowsMax: number,
  ): Promise<ChunkOutput> {
    if (this.stopped) throw new Stopped();
    const { files, publisher, pool } = this.#options;
    // A project with a limit gets chunks that do not use up many of its seconds at once.
    const limit = Math.max(uploadLimits.chunkRowsMin, work.eventsPerSecondMax ?? rowsMax);
    const input: ChunkInput = {
      file: files.fileOf(work.id),
      work,
      position,
      partitions: publisher.partitions,
      rowsMax: Math.min(rowsMax, limit),
      occurrences,
    };
    return (await pool.run(input, { name: "readChunk" })) as ChunkOutput;
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new Stopped();
  }

  /** Again and again while the service is away. */
  async #surely<T>(call: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await call();
      } catch (error) {
        if (error instanceof MillraceError && !error.retryable) throw error;
        if (tries === 0) this.#options.log.warn({ err: error }, "records of uploads are away");
        await this.#pause(retryMs);
      }
    }
  }
}
