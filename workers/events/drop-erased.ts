// Step 2b: events of people who were erased after these were handed over. They are neither stored nor told of.
import { userKeyOf } from "#schemas/events/event.ts";
import { hash128 } from "#schemas/hash.ts";
import { eachErased, type SharedErased } from "../erasure/shared-erased.ts";
import type { PipelineEvent } from "./pipeline-event.ts";

const hash = new Uint32Array(4);

export function dropErased(
  events: PipelineEvent[],
  erased: SharedErased,
): { kept: PipelineEvent[]; dropped: number } {
  // Nearly always: hashing every event's key again would cost a twentieth of the pipeline.
  const { latestMs } = erased;
  if (!events.some(({ sinceMs }) => sinceMs <= latestMs)) return { kept: events, dropped: 0 };
  const beforeMs = new Map<string, number>();
  for (const { words, beforeMs: ms } of eachErased(erased)) {
    const name = words.join();
    beforeMs.set(name, Math.max(ms, beforeMs.get(name) ?? 0));
  }
  const kept = events.filter(({ log, sinceMs }) => {
    if (sinceMs > latestMs) return true;
    hash128(log.project_id, userKeyOf(log), hash);
    const until = beforeMs.get(`${hash[1]},${hash[2]},${hash[3]}`);
    return until === undefined || sinceMs > until;
  });
  return { kept, dropped: events.length - kept.length };
}
