// Step 2b: events of people who were erased after these were received. They are neither stored nor told of.
import { userKeyOf } from "#schemas/events/event.ts";
import { hash128 } from "#schemas/hash.ts";
import type { ErasedKey } from "../erasure/erased-keys.ts";
import type { PipelineEvent } from "./pipeline-event.ts";

const hash = new Uint32Array(4);

export function dropErased(
  events: PipelineEvent[],
  erased: readonly ErasedKey[],
): { kept: PipelineEvent[]; dropped: number } {
  // Nearly always: hashing every event's key again would cost a twentieth of the pipeline.
  if (erased.length === 0) return { kept: events, dropped: 0 };
  const beforeMs = new Map<string, number>();
  for (const key of erased) {
    const name = key.words.join();
    beforeMs.set(name, Math.max(key.beforeMs, beforeMs.get(name) ?? 0));
  }
  const latestMs = Math.max(...beforeMs.values());
  const kept = events.filter(({ log }) => {
    if (log.received_at > latestMs) return true;
    hash128(log.project_id, userKeyOf(log), hash);
    const until = beforeMs.get(`${hash[1]},${hash[2]},${hash[3]}`);
    return until === undefined || log.received_at > until;
  });
  return { kept, dropped: events.length - kept.length };
}
