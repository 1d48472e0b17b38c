// The bounds of the group commit, and what it tells about its blocks.
// Measured: benchmarks/results/ingest-*.md.

export interface PublisherLimits {
  /** A block is closed when it reaches this size. */
  blockBytes: number;
  /** Blocks that may wait for their confirmation at once, over all partitions. */
  inFlightMax: number;
  /**
   * A block that is not full leaves only while fewer blocks are in flight. The log writes one block after the
   * other, so more in flight make none of them faster, only smaller: requests a block at 256 connections were
   * 65, 52 and 37 with one, two and three in flight (4 partitions); 42, 33 and 17 with one, two and eight (8).
   * Default: one for every eight partitions, because an event waits for one round over all of them.
   */
  gatherInFlightMax: number;
  /**
   * A block of events that nobody waits for (clicks of short links) leaves after this time, unless it is full before or
   * an event comes that somebody waits for. At 2,000 clicks a second over 8 partitions a block then has 5 of them
   * instead of one, and a redirect costs the edge little more than half.
   */
  lingerMs: number;
  /** Bytes in open, queued and unconfirmed blocks together; past it `refusal` answers. */
  pendingBytesMax: number;
  /** Requests whose block is not confirmed after this time fail. */
  deadlineMs: number;
  /** A log that is away no longer than this (it restarts in one second) is waited for; then nothing more is taken. */
  awayMs: number;
  /** An unconfirmed block is published again, under the same message id, after this time. */
  retryMs: number;
}

export const publisherLimits: Omit<PublisherLimits, "gatherInFlightMax"> = {
  blockBytes: 128 * 1024,
  inFlightMax: 8,
  lingerMs: 20,
  pendingBytesMax: 64 * 1024 * 1024,
  deadlineMs: 10_000,
  awayMs: 3_000,
  retryMs: 2_500,
};

/** What happened to a block; for metrics. */
export interface PublisherObserver {
  blockStored(events: number, bytes: number, latencyMs: number): void;
  blockFailed(events: number): void;
}
