// What the hub tells one listener; event streams and WebSockets write it down their own way.
import type { MillraceError } from "#schemas/errors.ts";

/** Events of one message for one filter, in order; shared by all listeners with that filter. */
export class LiveBatch {
  /** One JSON object each. */
  readonly events: readonly string[];
  #frames: Buffer | undefined;

  constructor(events: readonly string[]) {
    this.events = events;
  }

  /** As server-sent events; made once for all listeners. */
  get frames(): Buffer {
    return (this.#frames ??= Buffer.from(
      this.events.map((event) => `event: event\ndata: ${event}\n\n`).join(""),
    ));
  }
}

/** Names of what listeners are told beside events. */
export type LiveNote =
  /** Listening has begun: what is sent from now on will be told. */
  | { readonly type: "open"; readonly data: object }
  /** What one second brought. */
  | { readonly type: "counters"; readonly data: object }
  /** Events that were too many to tell. */
  | { readonly type: "skipped"; readonly data: { readonly events: number } }
  /** Some events may not have been told: the connection to the log was interrupted. */
  | { readonly type: "gap"; readonly data: object };

export interface LiveSink {
  tell(batch: LiveBatch): void;
  note(note: LiveNote): void;
  /** The last thing that is told. */
  end(error: MillraceError): void;
}
