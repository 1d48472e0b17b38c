// Sessions: what a person does without a pause longer than the project's. They are not stored: queries read them out of
// the events, so they are as exact as those, whenever events come and whoever turns out to be the same person.

/** Names that stand for sessions where a query names an event: the first event of each, and the latest. */
export const sessionEvents = ["$session_start", "$session_end"] as const;
export type SessionEvent = (typeof sessionEvents)[number];

export function isSessionEvent(event: string | null): event is SessionEvent {
  return (sessionEvents as readonly (string | null)[]).includes(event);
}

export const sessionIdle = { minutesDefault: 30, minutesMin: 1, minutesMax: 1_440 } as const;

/** What is known of a session beyond its first event. Any other property is that of its first event. */
export const sessionProperties = [
  /** Seconds from the first event to the last. */
  "$session_duration",
  /** How many events it has. */
  "$session_events",
  "$session_entry_event",
  "$session_exit_event",
  /** Of the first and the last event with an address. */
  "$session_entry_url",
  "$session_exit_url",
] as const;
export type SessionProperty = (typeof sessionProperties)[number];
