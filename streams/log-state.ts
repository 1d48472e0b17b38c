// What the log itself says about the stream of events: its identity, first and last sequence, size.
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { eventsStream } from "./catalogue.ts";

export interface LogState {
  /** Time of the stream's creation: sequences mean something only together with it. */
  logId: string;
  firstSequence: number;
  lastSequence: number;
  bytes: number;
  bytesMax: number;
}

export async function readLogState(connection: NatsConnection): Promise<LogState> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const info = await manager.streams.info(eventsStream);
  return {
    logId: info.created,
    firstSequence: info.state.first_seq,
    lastSequence: info.state.last_seq,
    bytes: info.state.bytes,
    bytesMax: info.config.max_bytes,
  };
}

export async function firstSequence(connection: NatsConnection): Promise<number> {
  return (await readLogState(connection)).firstSequence;
}

/** Removes all blocks before `sequence`; whole files are dropped, so this is cheap. */
export async function trimLog(connection: NatsConnection, sequence: number): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  await manager.streams.purge(eventsStream, { seq: sequence });
}

/** Sequence of the last block of each partition that ever had one, by partition. */
export async function lastSequences(connection: NatsConnection): Promise<Map<number, number>> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const info = await manager.streams.info(eventsStream, { subjects_filter: "events.*" });
  const last = new Map<number, number>();
  for (const subject of Object.keys(info.state.subjects ?? {})) {
    const message = await manager.direct.getMessage(eventsStream, { last_by_subj: subject });
    if (message) last.set(Number(subject.split(".")[1]), message.seq);
  }
  return last;
}
