// One block on its way into the log: the events, who waits for them, and what was tried so far.
import { BlockWriter } from "#schemas/events/block.ts";
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

export class Block {
  readonly partition: number;
  readonly writer: BlockWriter;
  readonly openedAtMs: number;
  /** Bytes of the empty block: not counted as pending. */
  readonly bytesInitial: number;
  readonly commits: Commit[] = [];
  /** Set when the block is closed. */
  payload: Uint8Array | undefined;
  token = "";
  publishedAtMs = 0;
  attempts = 0;

  constructor(partition: number, bytesExpected: number, nowMs: number) {
    this.partition = partition;
    this.writer = new BlockWriter(bytesExpected);
    this.bytesInitial = this.writer.bytes;
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
