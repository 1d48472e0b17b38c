// Moves blocks that cannot be processed to the stream DEAD, with where they came from and why; `replay` brings
// them back. The message id makes a repeated burial (a redone batch) a single dead message.
import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { handedOverHeader, schemaHeader } from "#schemas/events/block.ts";
import { deadSubject, eventsStream } from "#streams/catalogue.ts";
import type { BlockMessage } from "#streams/partition-reader.ts";
import type { DeadBlock } from "./pipeline-event.ts";

export const deadHeaders = {
  subject: "Millrace-Origin-Subject",
  sequence: "Millrace-Origin-Sequence",
  reason: "Millrace-Reason",
  deadAt: "Millrace-Dead-At",
} as const;

const reasonLengthMax = 500;

export async function buryBlocks(
  connection: NatsConnection,
  blocks: readonly BlockMessage[],
  dead: readonly DeadBlock[],
  partition: number,
): Promise<void> {
  if (dead.length === 0) return;
  const client = jetstream(connection);
  const bySequence = new Map(blocks.map((block) => [block.sequence, block]));
  for (const { sequence, reason } of dead) {
    const block = bySequence.get(sequence);
    if (!block) continue;
    const built = headers();
    built.set(deadHeaders.subject, `events.${partition}`);
    built.set(deadHeaders.sequence, String(sequence));
    built.set(deadHeaders.reason, reason.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, reasonLengthMax));
    built.set(deadHeaders.deadAt, new Date().toISOString());
    if (block.fingerprint !== "") built.set(schemaHeader, block.fingerprint);
    if (block.handedOver !== "") built.set(handedOverHeader, block.handedOver);
    await client.publish(deadSubject(eventsStream), block.data, {
      headers: built,
      msgID: `${eventsStream}-${partition}-${sequence}`,
    });
  }
}
