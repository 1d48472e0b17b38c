// One block on its way into the log: the events, who waits for them, and what was tried so far.
import type { BlockWriter } from "#schemas/events/block.ts";
import type { MillraceError } from "#schemas/errors.ts";

/** A request that waits until all blocks with its events are in the log. */
export interface Commit {
  /** Blocks that hold events of this request and are not settled yet; kept by the publisher. */
  outstanding: number;
  /** Why a block was not confirmed; the first one wins. */
  failure: MillraceError | undefined;
  /** Called once, when `outstanding` has fallen to zero; never from inside `append`. */
  settled(): void;
}

/** What a block asks of its content: a writer that fills, or bytes that were encoded elsewhere. */
export type BlockContent = Pick<BlockWriter, "count" | "bytes" | "append" | "appendText" | "finish">;

/** Events that somebody else encoded as a whole block (a pool thread); it takes no more. */
export class EncodedBlock implements BlockContent {
  readonly count: number;
  readonly #payload: Uint8Array;

  constructor(payload: Uint8Array, events: number) {
    this.#payload = payload;
    this.count = events;
  }

  get bytes(): number {
    return this.#payload.length;
  }

  append(): never {
    throw new Error("an encoded block takes no more events");
  }

  appendText(): never {
    return this.append();
  }

  finish(): Uint8Array {
    return this.#payload;
  }
}

export class Block {
  readonly partition: number;
  readonly writer: BlockContent;
  readonly openedAtMs: number;
  /** Bytes of the empty block: not counted as pending. */
  readonly bytesInitial: number;
  readonly commits: Commit[] = [];
  /** Epoch milliseconds; undefined: they come in as they are handed over. */
  handedOverMs: number | undefined;
  /** Nobody waits for it before: it goes on filling until then. */
  dueAtMs: number;
  /** Set when the block is closed. */
  payload: Uint8Array | undefined;
  token = "";
  publishedAtMs = 0;
  attempts = 0;

  constructor(partition: number, content: BlockContent, nowMs: number, lingerMs = 0) {
    this.partition = partition;
    this.dueAtMs = nowMs + lingerMs;
    this.writer = content;
    this.bytesInitial = content.count === 0 ? content.bytes : 0;
    this.openedAtMs = nowMs;
  }

  /** Events of one request arrive in one go, so comparing with the last waiter is enough. */
  addCommit(commit: Commit): void {
    const { commits } = this;
    if (commits.length > 0 && commits[commits.length - 1] === commit) return;
    commits.push(commit);
    commit.outstanding += 1;
  }

  settle(failure: MillraceError | undefined): void {
    for (const commit of this.commits) {
      if (failure !== undefined) commit.failure ??= failure;
      commit.outstanding -= 1;
      if (commit.outstanding === 0) commit.settled();
    }
  }
}
