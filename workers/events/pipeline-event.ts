// An event on its way through the pipeline's steps, with what each step adds.
import type { LogEvent } from "#schemas/events/event.ts";

export interface PipelineEvent {
  readonly log: LogEvent;
  /** Log sequence of the block, and the event's place in it: together the event's unique address. */
  readonly sequence: number;
  readonly index: number;
  /** When it was handed over: as it was received, or before, as a row of a file. */
  readonly sinceMs: number;
  userNumber: number;
  sessionId: string;
}

/** What became of an event that is not stored as a row. */
export interface Outcome {
  readonly event: PipelineEvent;
  readonly outcome: "duplicate" | "quarantined";
  readonly reason: string;
  readonly message: string;
}

/** A block that could not be decoded: moved to DEAD whole. */
export interface DeadBlock {
  readonly sequence: number;
  readonly reason: string;
}
