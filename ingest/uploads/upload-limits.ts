// The bounds of uploads, all of them.
export const uploadLimits = {
  /** Read from the file at once; the memory of a pool thread follows from it. */
  windowBytes: 1024 * 1024,
  /** Larger rows are rejected; an event may have 32 KB. */
  recordBytesMax: 256 * 1024,
  columnsMax: 1_000,
  /** Rows of one chunk: what is published together, and read again after a crash. */
  chunkRowsMax: 10_000,
  chunkRowsMin: 100,
  /** Characters of one chunk's rejected rows: even if they do not compress, they fit into one message of 1 MiB. */
  chunkRejectsMax: 192 * 1024,
  /** Rows too large in one chunk: each may cost a scan of `recordBytesMax`. */
  chunkLargeRecordsMax: 100,
  /** Rows that `dedupe=rows` tells apart: about 17 bytes of memory each. */
  distinctRowsMax: 2_900_000,
  /** Blocks for the log, as the publisher makes them. */
  blockBytes: 128 * 1024,
  receivingMax: 8,
  waitingMax: 100,
  processingMax: 2,
  /**
   * Without a byte for so long, or not whole after so long, a body is given up with a code. The server library ends
   * a silent connection without one after 10 s.
   */
  bodyIdleMsMax: 8_000,
  bodyMsMax: 3_600_000,
  /** Left on disk for the stores, whatever is uploaded. */
  diskFreeBytesMin: 256 * 1024 * 1024,
  /** Heap of a pool thread in MiB; a thread that needs more is ended, and its upload fails. */
  threadHeapMiB: 96,
  /** Of it for short-lived objects, instead of the default of 48; smaller made a chunk no slower. */
  threadYoungMiB: 6,
  /** A pool thread without work is ended. */
  threadIdleMs: 5_000,
} as const;
