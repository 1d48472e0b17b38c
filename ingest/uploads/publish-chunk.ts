// The blocks of one chunk into the log, as fast as the log and the workers take them and no faster.
import type { Logger } from "#ops/runtime/log.ts";
import type { MillraceError } from "#schemas/errors.ts";
import type { UploadWork } from "#schemas/uploads/upload.ts";
import type { Commit } from "#streams/publisher-block.ts";
import type { Publisher } from "#streams/publisher.ts";
import type { EventsObserver, Intake } from "../events/intake.ts";
import type { ChunkOutput } from "./read-chunk.ts";

const waitMsMax = 5_000;

class ChunkCommit implements Commit {
  outstanding = 0;
  failure: MillraceError | undefined;
  readonly #settle: () => void;

  constructor(settle: () => void) {
    this.#settle = settle;
  }

  settled(): void {
    this.#settle();
  }
}

export interface PublishOptions {
  readonly intake: Intake;
  readonly publisher: Publisher;
  readonly observer: EventsObserver;
  readonly log: Logger;
  /** Rejects when the process stops. */
  readonly pause: (ms: number) => Promise<void>;
}

/** Resolves when the log holds all of it. Blocks that were not confirmed are sent again: their events count once. */
export async function publishChunk(
  options: PublishOptions,
  work: UploadWork,
  chunk: ChunkOutput,
): Promise<void> {
  const { observer } = options;
  const bytes = chunk.blocks.reduce((sum, block) => sum + block.payload.length, 0);
  if (chunk.blocks.length > 0) {
    for (;;) {
      await waitForRoom(options, work, chunk.accepted, bytes);
      const failure = await append(options.publisher, work, chunk);
      if (failure === undefined) break;
      options.intake.giveBack(work, chunk.accepted);
      options.log.warn({ err: failure, upload: work.id }, "rows of an upload are published again");
      await options.pause(waitOf(failure));
    }
    observer.accepted(chunk.accepted, bytes);
  }
  const rejected = chunk.codes.reduce((sum, [, count]) => sum + count, 0);
  options.intake.count(work.projectId, rejected, bytes);
  for (const [code, count] of chunk.codes)
    for (let each = 0; each < count; each += 1) observer.rejected(code);
}

function waitOf(refusal: MillraceError): number {
  return Math.min(waitMsMax, (refusal.retryAfterSeconds ?? 1) * 1000);
}

async function waitForRoom(
  { intake, pause }: PublishOptions,
  work: UploadWork,
  events: number,
  bytes: number,
): Promise<void> {
  for (;;) {
    const refusal = intake.refusal(bytes) ?? (await intake.admit(work, events, bytes));
    if (refusal === undefined) return;
    await pause(waitOf(refusal));
  }
}

function append(
  publisher: Publisher,
  work: UploadWork,
  chunk: ChunkOutput,
): Promise<MillraceError | undefined> {
  return new Promise((resolve) => {
    const commit = new ChunkCommit(() => resolve(commit.failure));
    for (const block of chunk.blocks) {
      publisher.appendBlock({ ...block, handedOverMs: work.createdAtMs }, commit);
    }
  });
}
