// Clicks that are in the log: what was promised with the redirects.
import type { JetStreamManager } from "@nats-io/jetstream";
import { decodeBlock, schemaHeader } from "#schemas/events/block.ts";
import { linkClickedEvent } from "#schemas/links/link-clicked.ts";
import { eventsStream } from "#streams/catalogue.ts";

/** The publisher's last blocks are confirmed within this time. */
const settleMs = 1_000;

/** All of them have ids of their own: a click that stands there twice is counted once. */
export async function countClicks(manager: JetStreamManager, afterSequence: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const { state } = await manager.streams.info(eventsStream);
  const ids = new Set<string>();
  for (let sequence = afterSequence + 1; sequence <= state.last_seq; sequence += 1) {
    const message = await manager.streams.getMessage(eventsStream, { seq: sequence });
    if (message === null) continue;
    for (const event of decodeBlock(message.data, message.header.get(schemaHeader))) {
      if (event.event === linkClickedEvent) ids.add(event.event_id);
    }
  }
  return ids.size;
}
