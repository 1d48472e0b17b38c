// Every process tells once a second how it is; the edge knows from it who is there and how far behind.
import type { NatsConnection } from "@nats-io/transport-node";

export type Tier = "ingest" | "workers" | "query";

const intervalMs = 1000;
const freshMsMax = 5000;
const forgottenMs = 60_000;

export interface WorkersStatus {
  ready: boolean;
  partitions: {
    partition: number;
    committedSequence: number;
    committedAt: string | null;
    pendingBlocks: number;
    /** Estimated from the blocks' recent average. */
    pendingEvents: number;
    /** Age of the oldest block that is not stored yet; 0 when all are. */
    lagMs: number;
  }[];
  eventsStored: number;
  duplicates: number;
  quarantined: number;
}

export interface StatusEntry {
  tier: Tier;
  instance: string;
  ageMs: number;
  status: { ready: boolean };
}

export function publishStatus(
  connection: NatsConnection,
  options: { tier: Tier; instance: string; read: () => { ready: boolean } },
): { stop(): void } {
  const subject = `status.${options.tier}.${options.instance}`;
  const publish = (): void => connection.publish(subject, JSON.stringify(options.read()));
  publish();
  const timer = setInterval(publish, intervalMs);
  return { stop: () => clearInterval(timer) };
}

export interface StatusBoard {
  entries(tier?: Tier): StatusEntry[];
  /** True when a process of the tier was heard within 5 s and says that it is ready. */
  ready(tier: Tier): boolean;
  stop(): void;
}

export function collectStatus(connection: NatsConnection): StatusBoard {
  const heard = new Map<string, { tier: Tier; instance: string; atMs: number; status: { ready: boolean } }>();
  const subscription = connection.subscribe("status.*.*", {
    callback: (error, message) => {
      if (error) return;
      const [, tier, instance] = message.subject.split(".") as [string, Tier, string];
      heard.set(message.subject, {
        tier,
        instance,
        atMs: Date.now(),
        status: message.json<{ ready: boolean }>(),
      });
      for (const [key, entry] of heard) {
        if (Date.now() - entry.atMs > forgottenMs) heard.delete(key);
      }
    },
  });
  const entries = (tier?: Tier): StatusEntry[] =>
    [...heard.values()]
      .filter((entry) => tier === undefined || entry.tier === tier)
      .map(({ atMs, ...entry }) => ({ ...entry, ageMs: Date.now() - atMs }));
  return {
    entries,
    ready: (tier) => entries(tier).some((entry) => entry.ageMs <= freshMsMax && entry.status.ready),
    stop: () => subscription.unsubscribe(),
  };
}
