// The live feed at this edge, wired: the hub, GET /v1/live as an event stream and as a WebSocket, and what other
// routes need to offer events of their own as a stream.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Registry } from "prom-client";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { LiveFilter } from "#schemas/live/live-filter.ts";
import { resolveKey } from "../access/authorize.ts";
import { hashKey, parseKey } from "../access/credentials.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import type { Handler } from "../server.ts";
import type { SocketConnection, SocketHandler, SocketRoute } from "../server/sockets.ts";
import { EventStream } from "./event-stream.ts";
import { LiveHub, type OpenListener } from "./live-hub.ts";
import type { LiveSink } from "./live-sink.ts";
import { createLiveMetrics, type LiveMetrics } from "./metrics.ts";
import { readListener, type WantedListener } from "./read-listener.ts";
import { SocketStream } from "./socket-stream.ts";

export interface Live {
  readonly receive: Handler;
  readonly socket: SocketRoute;
  /** Answers `exchange` with stored events as they come; for routes that have checked the key. */
  readonly openLive: OpenLive;
  /** The project's keys changed. */
  recheck(projectId: number): void;
  register(registry: Registry): void;
  stop(): void;
}

export type OpenLive = (
  exchange: Exchange,
  options: { projectId: number; want: LiveFilter | "counters"; key: string },
) => void;

/** Nothing that a listener sends is long: its key. */
const frameBytesMax = 4_096;

export function startLive(options: {
  connection: NatsConnection;
  keys: KeyCache;
  edge: string;
  log: Logger;
}): Live {
  const { keys, log } = options;
  const hub = new LiveHub(options);
  let metrics: LiveMetrics | undefined;
  const ended = (error: MillraceError | undefined): void => {
    if (error !== undefined) metrics?.ended.inc({ code: error.code });
  };
  const listen = (
    projectId: number,
    want: LiveFilter | "counters",
    key: string,
    sink: LiveSink,
  ): OpenListener => {
    const keyHash = hashKey(key);
    return hub.open({
      projectId,
      want,
      sink,
      mayListen: async () => (await keys.resolve(keyHash)) !== null,
    });
  };

  const openLive: OpenLive = (exchange, { projectId, want, key }) => {
    if (exchange.done) return;
    const stream = new EventStream(exchange, (error) => {
      listener.close();
      ended(error);
    });
    // What is wrong is said with its own status: the stream starts, and can end, when the listener is there.
    const listener = listen(projectId, want, key, stream);
    stream.start();
    listener.opened.then(
      () => stream.note({ type: "open", data: {} }),
      (error: unknown) => stream.end(asMillrace(error)),
    );
  };

  const openSocket = (connection: SocketConnection, head: RequestHead): SocketHandler => {
    let wanted: WantedListener | undefined;
    let failure: unknown;
    try {
      wanted = readListener(head.query());
    } catch (error) {
      failure = error;
    }
    const stream = new SocketStream({
      connection,
      key: parseKey(head.header("authorization"), false) || (wanted?.key ?? ""),
      listen: async (key, sink) => {
        if (wanted === undefined) throw asMillrace(failure);
        const { projectId } = await resolveKey(keys, key, ["read"]);
        return listen(projectId, wanted.want, key, sink);
      },
      onEnd: ended,
    });
    if (wanted === undefined) stream.end(asMillrace(failure));
    return stream;
  };

  return {
    openLive,
    async receive(exchange, head) {
      const inHeader = parseKey(head.header("authorization"), false);
      const { want, key: inAddress } = readListener(head.query());
      const key = inHeader || inAddress;
      const { projectId } = await resolveKey(keys, key, ["read"]);
      openLive(exchange, { projectId, want, key });
    },
    socket: { path: "/v1/live", frameBytesMax, open: openSocket },
    recheck(projectId) {
      hub.recheck(projectId).catch((error: unknown) => {
        log.warn({ err: error }, "keys of listeners could not be checked again");
      });
    },
    register(registry) {
      metrics = createLiveMetrics(registry, () => hub.listeners);
    },
    stop: () => hub.stop(),
  };
}

function asMillrace(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : new MillraceError("INTERNAL", { cause: error });
}
