// Names of events that this installation makes itself, and counts on: whoever else sends one is refused, wherever events
// come in. To reserve another one, name it here.
import { linkClickedEvent } from "./links/link-clicked.ts";

const reserved: ReadonlySet<string> = new Set([linkClickedEvent]);

export function isReservedEvent(name: string): boolean {
  return reserved.has(name);
}
