// What an acknowledgement of the log in use means, in words an operator can act on.

export interface Durability {
  /** False when nothing can be known from here. */
  readonly known: boolean;
  readonly sync: "always" | "unknown";
  readonly promise: string;
}

export function describeDurability(log: { embedded: boolean; replicas: number }): Durability {
  if (log.embedded) {
    return {
      known: true,
      sync: "always",
      promise: "An acknowledged event is on disk: the embedded log syncs every write before it answers.",
    };
  }
  // A server does not tell its sync_interval over the wire; NATS's own default is to sync every two minutes.
  const copies =
    log.replicas > 1
      ? `An acknowledged event is held by a majority of ${log.replicas} servers`
      : "An acknowledged event is held by one server";
  return {
    known: false,
    sync: "unknown",
    promise:
      `${copies}; whether it is on disk depends on sync_interval in that server's configuration, which cannot be ` +
      "read from here. With NATS's default (two minutes) a loss of power can lose acknowledged events; set it to always.",
  };
}
