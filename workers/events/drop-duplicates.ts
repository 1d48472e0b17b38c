// Step 3: the same (project, event id) counts once. Remembered ids live in two generations, so that old ones
// can be forgotten by dropping a whole set; ids of this batch are kept apart until the batch is stored.
import { hash128 } from "#schemas/hash.ts";
import type { Outcome, PipelineEvent } from "./pipeline-event.ts";
import { FingerprintSet } from "./state/fingerprint-set.ts";

/** 32-bit words of one fingerprint in a batch's marks. */
export const fingerprintWords = 3;

const hash = new Uint32Array(4);

/** Violations among them of ids that were stored before are repeats like any other. */
export function recallRepeated(
  violating: readonly Outcome[],
  remembered: readonly FingerprintSet[],
): Outcome[] {
  return violating.map((outcome) => {
    const { log } = outcome.event;
    hash128(log.project_id, log.event_id, hash);
    const words = [hash[1] as number, hash[2] as number, hash[3] as number] as const;
    return remembered.some((set) => set.has(...words)) ? repeatedOutcome(outcome.event) : outcome;
  });
}

function repeatedOutcome(event: PipelineEvent): Outcome {
  return { event, outcome: "duplicate", reason: "EVENT_ID_REPEATED", message: "" };
}

/**
 * `marks` holds three words for each fresh event, in order: remembered once the batch is stored.
 * The first of several equal ids in log order is the one that counts.
 */
export function dropDuplicates(
  events: readonly PipelineEvent[],
  remembered: readonly FingerprintSet[],
): { fresh: PipelineEvent[]; repeated: Outcome[]; marks: Uint32Array } {
  const fresh: PipelineEvent[] = [];
  const repeated: Outcome[] = [];
  const marks = new Uint32Array(events.length * fingerprintWords);
  const batch = FingerprintSet.create(events.length);
  for (const event of events) {
    hash128(event.log.project_id, event.log.event_id, hash);
    const w0 = hash[1] as number;
    const w1 = hash[2] as number;
    const w2 = hash[3] as number;
    if (remembered.some((set) => set.has(w0, w1, w2)) || !batch.add(w0, w1, w2)) {
      repeated.push(repeatedOutcome(event));
      continue;
    }
    const at = fresh.length * fingerprintWords;
    marks[at] = w0;
    marks[at + 1] = w1;
    marks[at + 2] = w2;
    fresh.push(event);
  }
  return { fresh, repeated, marks: marks.subarray(0, fresh.length * fingerprintWords) };
}
