// Looks for an event in the part of the log that is not stored yet. The user is not known, so neither is the
// partition: all tails are read, within a bound.
import type { StoredMsg } from "@nats-io/jetstream";
import { decodeBlock, schemaHeader } from "#schemas/events/block.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { eventsStream, eventSubject } from "#streams/catalogue.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { QueryContext } from "../../query-context.ts";
import { nextBlock } from "../../watermark.ts";

/** What one look-up may read; with more pending than this the answer is that it cannot be known yet. */
const tailBytesMax = 64 * 1024 * 1024;
const batchBytesMax = 8 * 1024 * 1024;
const batchBlocksMax = 256;
/** How the log says that there is no block at or after a sequence. */
const nothingFound = 404;

interface Wanted {
  readonly projectId: number;
  readonly eventId: string;
  readonly signal: AbortSignal;
}

/** Throws BEHIND when more is pending than can be looked through and the event was not in what was. */
export async function findPending(context: QueryContext, wanted: Wanted): Promise<LogEvent | undefined> {
  const { partitions } = await context.watermark.read();
  let bytesLeft = tailBytesMax;
  for (const { partition, committedSequence, oldestPendingAt } of partitions) {
    if (oldestPendingAt === null) continue;
    for await (const block of tailOf(context, partition, committedSequence + 1)) {
      if (wanted.signal.aborted) return undefined;
      const event = findInBlock(block, wanted);
      if (event !== undefined) return event;
      bytesLeft -= block.data.length;
      if (bytesLeft <= 0) {
        throw new MillraceError("BEHIND", {
          message:
            "Too many events are waiting to be stored to say what became of this one; ask again shortly.",
          retryAfterSeconds: 2,
        });
      }
    }
  }
  return undefined;
}

/** Blocks of a partition from `sequence` on, in order, a batch at a time. */
async function* tailOf(
  context: QueryContext,
  partition: number,
  sequence: number,
): AsyncGenerator<StoredMsg> {
  const { manager, replicas } = context.logAccess;
  let next = sequence;
  for (;;) {
    let last: number | undefined;
    if (replicas > 1) {
      // Only the leader has everything for sure; it answers one block at a time.
      const block = await nextBlock(context.logAccess, partition, next);
      if (block === undefined) return;
      last = block.seq;
      yield block;
    } else {
      const batch = await manager.direct.getBatch(eventsStream, {
        seq: next,
        next_by_subj: eventSubject(partition),
        batch: batchBlocksMax,
        max_bytes: batchBytesMax,
      });
      try {
        for await (const block of batch) {
          last = block.seq;
          yield block;
        }
      } catch (error) {
        if ((error as { code?: unknown }).code !== nothingFound) throw error;
      }
    }
    if (last === undefined) return;
    next = last + 1;
  }
}

function findInBlock(block: StoredMsg, wanted: Wanted): LogEvent | undefined {
  // Most blocks do not hold the id: its bytes are looked for before anything is decoded.
  const bytes = Buffer.from(block.data.buffer, block.data.byteOffset, block.data.byteLength);
  if (!bytes.includes(wanted.eventId)) return undefined;
  let events: LogEvent[];
  try {
    events = decodeBlock(block.data, block.header.get(schemaHeader));
  } catch {
    // The workers quarantine such a block as a whole; there is no event in it to speak of.
    return undefined;
  }
  return events.find((event) => event.event_id === wanted.eventId && event.project_id === wanted.projectId);
}
