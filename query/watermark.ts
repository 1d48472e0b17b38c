// As of when answers are complete: everything acknowledged up to that instant is in the stores.
// Read before the statements of a query run, so that the answer holds at least what it says.
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager, MsgRequest, StoredMsg } from "@nats-io/jetstream";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { eventsStream, eventSubject } from "#streams/catalogue.ts";

export interface PartitionState {
  readonly partition: number;
  readonly committedSequence: number;
  readonly committedAt: string | null;
  readonly owner: string | null;
  /** Arrival in the log of the oldest block that is not stored yet; null when everything is stored. */
  readonly oldestPendingAt: string | null;
}

export interface Watermark {
  readonly asOfMs: number;
  readonly partitions: readonly PartitionState[];
}

/** An older reading is still true, only less fresh: many queries at once share one. */
const reuseMs = 100;
/** How long an answer waits for its watermark, and how long none waits after that failed. */
const waitMsMax = 1_000;
const retryMs = 2_000;

export interface LogAccess {
  readonly manager: JetStreamManager;
  readonly partitions: number;
  readonly replicas: number;
}

export class WatermarkReader {
  readonly #logAccess: LogAccess;
  readonly #postgres: Postgres;
  readonly #log: Logger;
  #latest: { watermark: Watermark; readAtMs: number } | undefined;
  #reading: Promise<Watermark> | undefined;
  #retryAtMs = 0;

  constructor(options: { logAccess: LogAccess; postgres: Postgres; log: Logger }) {
    this.#logAccess = options.logAccess;
    this.#postgres = options.postgres;
    this.#log = options.log;
  }

  /** ISO instant for `meta.as_of`; the last one known while the log or Postgres is away, null before the first. */
  async asOf(): Promise<string | null> {
    const nowMs = performance.now();
    const isFresh = this.#latest !== undefined && nowMs - this.#latest.readAtMs <= reuseMs;
    if (!isFresh && nowMs >= this.#retryAtMs) {
      try {
        await Promise.race([this.read(), rejectAfter(waitMsMax)]);
      } catch (error) {
        // An answer must not wait for what only describes it.
        this.#retryAtMs = performance.now() + retryMs;
        this.#log.warn({ err: error }, "the watermark cannot be read");
      }
    }
    return this.#latest === undefined ? null : new Date(this.#latest.watermark.asOfMs).toISOString();
  }

  /** Reads now; callers at the same time share the reading. */
  read(): Promise<Watermark> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<Watermark> {
    const readAtMs = performance.now();
    const nowMs = Date.now();
    // What is committed is read before what is pending: a commit in between can only make `as_of` earlier.
    const { rows } = await this.#postgres.query<{
      partition: number;
      committed_sequence: string;
      committed_at: Date | null;
      owner: string | null;
    }>("SELECT partition, committed_sequence, committed_at, owner FROM log_partitions");
    const committed = new Map(rows.map((row) => [row.partition, row]));
    const states = await Promise.all(
      Array.from({ length: this.#logAccess.partitions }, async (_, partition): Promise<PartitionState> => {
        const row = committed.get(partition);
        const committedSequence = Number(row?.committed_sequence ?? 0);
        const pending = await nextBlock(this.#logAccess, partition, committedSequence + 1);
        return {
          partition,
          committedSequence,
          committedAt: row?.committed_at?.toISOString() ?? null,
          owner: row?.owner ?? null,
          oldestPendingAt: pending === undefined ? null : pending.time.toISOString(),
        };
      }),
    );
    const pendingMs = states.flatMap((state) =>
      // The oldest pending block itself is not included.
      state.oldestPendingAt === null ? [] : [Date.parse(state.oldestPendingAt) - 1],
    );
    const watermark = { asOfMs: Math.min(nowMs, ...pendingMs), partitions: states };
    this.#latest = { watermark, readAtMs };
    return watermark;
  }
}

async function rejectAfter(ms: number): Promise<never> {
  await sleep(ms, undefined, { ref: false });
  throw new Error(`no answer within ${ms} ms`);
}

/** The first block of the partition at or after `sequence`, or undefined when there is none yet. */
export async function nextBlock(
  logAccess: LogAccess,
  partition: number,
  sequence: number,
): Promise<StoredMsg | undefined> {
  const query = { seq: sequence, next_by_subj: eventSubject(partition) };
  // A replica may lag behind and would say that nothing is pending; only the leader knows.
  const answer =
    logAccess.replicas > 1
      ? logAccess.manager.streams.getMessage(eventsStream, query as unknown as MsgRequest)
      : logAccess.manager.direct.getMessage(eventsStream, query);
  return (await answer) ?? undefined;
}
