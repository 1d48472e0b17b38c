// Every stream of the platform, declared once and ensured at start.
import {
  DiscardPolicy,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos, type NatsConnection } from "@nats-io/transport-node";

export const eventsStream = "EVENTS";
export const deadStream = "DEAD";

const partitionsKey = "millrace-partitions";
const dayMs = 24 * 3600 * 1000;

/** Largest message of any stream: a full block plus headers stays far below it. */
export const messageBytesMax = 4 * 1024 * 1024;

export function eventSubject(partition: number): string {
  return `events.${partition}`;
}

/** Subject of a quarantined message: `dead.<origin stream>`. */
export function deadSubject(origin: string): string {
  return `dead.${origin}`;
}

interface StreamOptions {
  partitions: number;
  replicas: number;
  logBytesMax: number;
}

function catalogue(options: StreamOptions): (Partial<StreamConfig> & { name: string })[] {
  return [
    {
      name: eventsStream,
      description: "Blocks of events, one subject per partition; trimmed once stored.",
      subjects: ["events.*"],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      // New blocks are refused when the log is full: discarding old ones would lose acknowledged events.
      discard: DiscardPolicy.New,
      max_bytes: options.logBytesMax,
      max_msg_size: messageBytesMax,
      duplicate_window: nanos(2 * 60 * 1000),
      allow_direct: true,
      num_replicas: options.replicas,
      metadata: { [partitionsKey]: String(options.partitions) },
    },
    {
      name: deadStream,
      description: "Messages that could not be processed, with origin, reason and deliveries; replayable.",
      subjects: ["dead.>"],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_bytes: 1024 * 1024 * 1024,
      max_age: nanos(90 * dayMs),
      max_msg_size: messageBytesMax,
      num_replicas: options.replicas,
    },
  ];
}

/**
 * Creates the streams that are missing and updates the settings of those that exist.
 * Answers the number of partitions the log really has: it is fixed when the log is created.
 */
export async function ensureStreams(
  connection: NatsConnection,
  options: StreamOptions,
): Promise<{ partitions: number }> {
  const manager = await jetstreamManager(connection);
  let partitions = options.partitions;
  for (const wanted of catalogue(options)) {
    const existing = await findStream(manager, wanted.name);
    if (!existing) {
      await manager.streams.add(wanted);
      continue;
    }
    const kept = existing.metadata?.[partitionsKey];
    if (wanted.name === eventsStream && kept !== undefined) {
      partitions = Number(kept);
      wanted.metadata = { ...existing.metadata, [partitionsKey]: kept };
    }
    const changed =
      existing.max_bytes !== wanted.max_bytes ||
      existing.num_replicas !== wanted.num_replicas ||
      existing.max_msg_size !== wanted.max_msg_size;
    if (changed) await manager.streams.update(wanted.name, { ...existing, ...wanted });
  }
  return { partitions };
}

async function findStream(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if ((error as { name?: string }).name === "StreamNotFoundError") return undefined;
    // Several processes start at once: only "not found" means that it has to be created.
    throw error;
  }
}
