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
      for (let index = 0; index < decoded.length; index += 1) {
        const log = decoded[index];
        if (log) events.push({ log, sequence: block.sequence, index, userNumber: 0, sessionId: "" });
      }
    } catch (error) {
      dead.push({ sequence: block.sequence, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { events, dead };
}
