// The serving side of request/reply: a service answers `svc.<service>.<method>` in its queue group.
// Facts that must not be lost never travel here; they go through the log.
import { headers, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import type { Logger } from "#ops/runtime/log.ts";
import {
  buildErrorEnvelope,
  callHeaders,
  leavingSubject,
  parseCallParameters,
  streamChunkBytesMax,
  streamCreditsMax,
  streamSilenceMsMax,
  type CallParameters,
} from "./call-frames.ts";

export interface Call {
  requestId: string;
  traceparent: string | undefined;
  projectId: number;
  scope: string;
  /** What the address said beside a body. */
  parameters: CallParameters;
  /** Aborted when the caller left, or the service stops. */
  signal: AbortSignal;
}

export interface StreamSink {
  /** Sent before the first chunk; `headers` become HTTP headers. */
  start(meta: { status: number; headers: Record<string, string> }): void;
  /** Waits until the reader has room; throws when the reader left. */
  write(chunk: Uint8Array): Promise<void>;
}

/** The result is sent as JSON; a Uint8Array is sent as it is. Throw MillraceError for coded errors. */
export type Handler = (payload: Uint8Array, call: Call) => Promise<unknown>;
export type StreamHandler = (payload: Uint8Array, call: Call, sink: StreamSink) => Promise<void>;

interface ServeOptions {
  service: string;
  log: Logger;
  methods: Record<string, Handler>;
  streams?: Record<string, StreamHandler>;
  /** Calls worked on at once; more are refused with SERVICE_UNAVAILABLE so that callers can turn elsewhere. */
  concurrencyMax?: number;
}

/** Serves until `stop`, which takes no new calls and waits for those under way. */
export function serve(connection: NatsConnection, options: ServeOptions): { stop(): Promise<void> } {
  const concurrencyMax = options.concurrencyMax ?? 256;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  /** By the name that the caller gave the call. */
  const callers = new Map<string, AbortController>();
  const subscriptions: Subscription[] = [
    connection.subscribe(leavingSubject(options.service), {
      callback: (error, message) => {
        if (!error) callers.get(message.string())?.abort();
      },
    }),
  ];

  const listen = (method: string, work: (message: Msg) => Promise<void>): void => {
    const subscription = connection.subscribe(`svc.${options.service}.${method}`, {
      queue: options.service,
      callback: (error, message) => {
        if (error) {
          options.log.warn({ err: error, method }, "service subscription failed");
          return;
        }
        if (underWay.size >= concurrencyMax) {
          respondError(message, new MillraceError("SERVICE_UNAVAILABLE", { retryAfterSeconds: 1 }));
          return;
        }
        const done = work(message).finally(() => underWay.delete(done));
        underWay.add(done);
      },
    });
    subscriptions.push(subscription);
  };

  for (const [method, handler] of Object.entries(options.methods)) {
    listen(method, async (message) => {
      const leaving = new AbortController();
      const name = message.headers?.get(callHeaders.call) || crypto.randomUUID();
      callers.set(name, leaving);
      try {
        const result = await handler(message.data, readCall(message, leaving.signal));
        message.respond(result instanceof Uint8Array ? result : JSON.stringify(result ?? null));
      } catch (error) {
        if (leaving.signal.aborted && !stopping.signal.aborted) return;
        respondError(message, toCoded(error, options.log, method));
      } finally {
        callers.delete(name);
      }
    });
  }
  for (const [method, handler] of Object.entries(options.streams ?? {})) {
    listen(method, async (message) => {
      const stream = openStream(connection, message, stopping.signal);
      try {
        await handler(message.data, readCall(message, stream.signal), stream.sink);
        stream.end();
      } catch (error) {
        if (!stream.signal.aborted) respondError(message, toCoded(error, options.log, method));
      } finally {
        stream.close();
      }
    });
  }

  return {
    async stop() {
      await Promise.all(subscriptions.map((subscription) => subscription.drain()));
      stopping.abort();
      for (const leaving of callers.values()) leaving.abort();
      await Promise.allSettled(underWay);
    },
  };
}

function readCall(message: Msg, signal: AbortSignal): Call {
  const given = message.headers;
  return {
    requestId: given?.get(callHeaders.requestId) ?? "",
    traceparent: given?.get(callHeaders.traceparent) || undefined,
    projectId: Number(given?.get(callHeaders.project) ?? 0),
    scope: given?.get(callHeaders.scope) ?? "",
    parameters: parseCallParameters(given?.get(callHeaders.parameters)),
    signal,
  };
}

function toCoded(error: unknown, log: Logger, method: string): MillraceError {
  if (error instanceof MillraceError && error.code !== "INTERNAL") return error;
  // Our own failure: the caller learns only that, the log has what it was.
  log.error({ err: error, method }, "service method failed");
  if (error instanceof MillraceError) return error;
  return new MillraceError("INTERNAL", { cause: error });
}

function respondError(message: Msg, error: MillraceError): void {
  const built = headers();
  built.set(callHeaders.error, error.code);
  message.respond(JSON.stringify(buildErrorEnvelope(error)), { headers: built });
}

/** Chunks flow to the caller's inbox while it grants credits on a control subject; silence or goodbye ends it. */
function openStream(
  connection: NatsConnection,
  message: Msg,
  serviceStopping: AbortSignal,
): { sink: StreamSink; signal: AbortSignal; end(): void; close(): void } {
  const abort = new AbortController();
  const control = `_INBOX.control.${crypto.randomUUID()}`;
  let credits = streamCreditsMax;
  let wake: (() => void) | undefined;
  let silence: NodeJS.Timeout;
  const leave = (): void => {
    abort.abort();
    wake?.();
  };
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(leave, streamSilenceMsMax);
  };
  heard();
  serviceStopping.addEventListener("abort", leave, { once: true });
  const subscription = connection.subscribe(control, {
    callback: (_error, note) => {
      heard();
      const text = note.string();
      if (text === "leave") leave();
      else credits += Number(text);
      wake?.();
    },
  });

  const send = (frame: string, data: Uint8Array | string): void => {
    const built = headers();
    built.set(callHeaders.frame, frame);
    if (frame === "start") built.set(callHeaders.control, control);
    message.respond(data, { headers: built });
  };

  const sink: StreamSink = {
    start(meta) {
      send("start", JSON.stringify(meta));
    },
    async write(chunk) {
      for (let offset = 0; offset < chunk.length; offset += streamChunkBytesMax) {
        while (credits <= 0 && !abort.signal.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = undefined;
        }
        if (abort.signal.aborted) throw new MillraceError("SHUTTING_DOWN", { message: "the reader left" });
        credits -= 1;
        send("chunk", chunk.subarray(offset, offset + streamChunkBytesMax));
      }
    },
  };
  return {
    sink,
    signal: abort.signal,
    end: () => send("end", ""),
    close() {
      clearTimeout(silence);
      serviceStopping.removeEventListener("abort", leave);
      subscription.unsubscribe();
    },
  };
}
