// Step 1: blocks of the log to events. A block that is not readable is answered as dead, never thrown.
import { decodeBlock } from "#schemas/events/block.ts";
import type { BlockMessage } from "#streams/partition-reader.ts";
import type { DeadBlock, PipelineEvent } from "./pipeline-event.ts";

export function decodeBlocks(blocks: readonly BlockMessage[]): {
  events: PipelineEvent[];
  dead: DeadBlock[];
} {
  const events: PipelineEvent[] = [];
  const dead: DeadBlock[] = [];
  for (const block of blocks) {
    try {
      const decoded = decodeBlock(block.data, block.fingerprint);
      const handedOverMs = block.handedOver === "" ? Number.POSITIVE_INFINITY : Number(block.handedOver);
      for (let index = 0; index < decoded.length; index += 1) {
        const log = decoded[index];
        if (!log) continue;
        const { sequence } = block;
        const sinceMs = Math.min(log.received_at, handedOverMs);
        events.push({ log, sequence, index, sinceMs, userNumber: 0, sessionId: "" });
      }
    } catch (error) {
      dead.push({ sequence: block.sequence, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { events, dead };
}
