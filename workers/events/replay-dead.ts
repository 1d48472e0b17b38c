// Brings dead messages back to where they came from. A crash in the middle replays a message twice at most,
// and the events in it still count once, because their ids are remembered.
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers, nanos, type NatsConnection } from "@nats-io/transport-node";
import { handedOverHeader, schemaHeader } from "#schemas/events/block.ts";
import { deadStream, deadSubject } from "#streams/catalogue.ts";
import { deadHeaders } from "./bury-blocks.ts";

export interface DeadMessage {
  sequence: number;
  subject: string;
  originSequence: number;
  reason: string;
  deadAt: string;
  bytes: number;
}

const pageMessages = 100;
const pageMsMax = 1_000;

/**
 * Walks the dead messages of one origin stream, oldest first, and (unless `dryRun`) publishes each to its
 * origin subject and removes it once the log has it. `onMessage` is called for each.
 */
export async function replayDead(
  connection: NatsConnection,
  options: { origin: string; dryRun: boolean; onMessage: (message: DeadMessage) => void },
): Promise<{ seen: number; replayed: number }> {
  const manager = await jetstreamManager(connection);
  const client = jetstream(connection);
  const info = await manager.consumers.add(deadStream, {
    filter_subject: deadSubject(options.origin),
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.None,
    inactive_threshold: nanos(60_000),
    mem_storage: true,
  });
  const consumer = await client.consumers.get(deadStream, info.name);
  let seen = 0;
  let replayed = 0;
  try {
    while (seen < info.num_pending) {
      // Only what was dead at the start: what dies again meanwhile waits for the next replay.
      const page = await consumer.fetch({
        max_messages: Math.min(pageMessages, info.num_pending - seen),
        expires: pageMsMax,
      });
      let got = 0;
      for await (const message of page) {
        got += 1;
        seen += 1;
        const subject = message.headers?.get(deadHeaders.subject) ?? "";
        options.onMessage({
          sequence: message.seq,
          subject,
          originSequence: Number(message.headers?.get(deadHeaders.sequence)),
          reason: message.headers?.get(deadHeaders.reason) ?? "",
          deadAt: message.headers?.get(deadHeaders.deadAt) ?? "",
          bytes: message.data.length,
        });
        if (options.dryRun || subject === "") continue;
        const built = headers();
        for (const name of [schemaHeader, handedOverHeader]) {
          const value = message.headers?.get(name);
          if (value) built.set(name, value);
        }
        await client.publish(subject, message.data, {
          headers: built,
          msgID: `replay-${info.created}-${message.seq}`,
        });
        await manager.streams.deleteMessage(deadStream, message.seq);
        replayed += 1;
      }
      if (got === 0) break;
    }
  } finally {
    await manager.consumers.delete(deadStream, info.name).catch(() => {});
  }
  return { seen, replayed };
}
