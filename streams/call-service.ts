// The calling side of request/reply: one answer, or a stream of chunks with credits.
import { createInbox, TimeoutError, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import {
  buildCallHeaders,
  callHeaders,
  leavingSubject,
  parseErrorEnvelope,
  type CallOptions,
} from "./call-frames.ts";

export type { CallOptions };

/** How often a slow reader tells the service that it is still there; well inside the allowed silence. */
const stillHereMs = 10_000;

function toBytes(payload: Uint8Array | object): Uint8Array {
  return payload instanceof Uint8Array ? payload : new TextEncoder().encode(JSON.stringify(payload));
}

/**
 * Calls `subject` and answers the JSON bytes of the result.
 * Throws the service's MillraceError; SERVICE_UNAVAILABLE when nobody listens or answers in time. A caller that leaves
 * or waits no longer says so, and the service stops working for it.
 */
export async function callServiceRaw(
  connection: NatsConnection,
  subject: string,
  payload: Uint8Array | object,
  options: CallOptions,
): Promise<Uint8Array> {
  const { signal } = options;
  if (signal?.aborted) throw callerLeft();
  const headers = buildCallHeaders(options);
  const call = crypto.randomUUID();
  headers.set(callHeaders.call, call);
  const tellService = (): void => connection.publish(leavingSubject(subject.split(".")[1] as string), call);
  const left = Promise.withResolvers<never>();
  const leave = (): void => {
    tellService();
    left.reject(callerLeft());
  };
  signal?.addEventListener("abort", leave, { once: true });
  let reply: Msg;
  try {
    const requested = connection.request(subject, toBytes(payload), { timeout: options.timeoutMs, headers });
    reply = await Promise.race([requested, left.promise]);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    // Nobody waits for what was not answered in time.
    if (error instanceof TimeoutError) tellService();
    throw new MillraceError("SERVICE_UNAVAILABLE", { cause: error, retryAfterSeconds: 1 });
  } finally {
    signal?.removeEventListener("abort", leave);
  }
  if (reply.headers?.has(callHeaders.error)) throw parseErrorEnvelope(reply.data);
  return reply.data;
}

function callerLeft(): MillraceError {
  return new MillraceError("SHUTTING_DOWN", { message: "the caller left" });
}

/** Like callServiceRaw, parsed. */
export async function callService(
  connection: NatsConnection,
  subject: string,
  payload: Uint8Array | object,
  options: CallOptions,
): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await callServiceRaw(connection, subject, payload, options)));
}

export interface StreamReceiver {
  onStart(meta: { status: number; headers: Record<string, string> }): void;
  /** The next chunk's credit is granted when the returned promise resolves: that is the backpressure. */
  onChunk(bytes: Uint8Array): void | Promise<void>;
  /** Abort to leave: the service stops its work. */
  signal: AbortSignal;
}

/**
 * Calls a streaming method. Resolves after the last chunk was taken; throws the service's error, or
 * SERVICE_UNAVAILABLE when `timeoutMs` pass without a frame.
 */
export async function callStream(
  connection: NatsConnection,
  subject: string,
  payload: Uint8Array | object,
  options: CallOptions,
  receiver: StreamReceiver,
): Promise<void> {
  const inbox = createInbox();
  const finished = Promise.withResolvers<void>();
  let control: string | undefined;
  let chain: Promise<void> = Promise.resolve();
  let waiting: NodeJS.Timeout | undefined;
  let queued = 0;
  const silent = (): void =>
    finished.reject(new MillraceError("SERVICE_UNAVAILABLE", { retryAfterSeconds: 1 }));
  const expectFrame = (): void => {
    clearTimeout(waiting);
    // While chunks wait for a slow reader the service waits for us, not we for it.
    if (queued === 0) waiting = setTimeout(silent, options.timeoutMs);
  };
  const stillHere = setInterval(() => {
    if (control !== undefined) connection.publish(control, "0");
  }, stillHereMs);
  const leave = (): void =>
    finished.reject(new MillraceError("SHUTTING_DOWN", { message: "the reader left" }));
  if (receiver.signal.aborted) leave();
  receiver.signal.addEventListener("abort", leave, { once: true });

  const subscription = connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error || message.headers === undefined) {
        // A reply without headers is the server's "no responders".
        finished.reject(new MillraceError("SERVICE_UNAVAILABLE", { retryAfterSeconds: 1 }));
        return;
      }
      const frame = message.headers.get(callHeaders.frame);
      if (message.headers.has(callHeaders.error)) {
        chain = chain.then(() => finished.reject(parseErrorEnvelope(message.data)));
      } else if (frame === "start") {
        control = message.headers.get(callHeaders.control);
        receiver.onStart(JSON.parse(message.string()) as { status: number; headers: Record<string, string> });
      } else if (frame === "chunk") {
        queued += 1;
        chain = chain.then(async () => {
          await receiver.onChunk(message.data);
          queued -= 1;
          if (control !== undefined) connection.publish(control, "1");
          expectFrame();
        });
        chain.catch((failure: unknown) => finished.reject(failure));
      } else if (frame === "end") {
        chain = chain.then(() => finished.resolve());
      } else {
        finished.reject(new MillraceError("SERVICE_UNAVAILABLE", { retryAfterSeconds: 1 }));
      }
      expectFrame();
    },
  });
  connection.publish(subject, toBytes(payload), { reply: inbox, headers: buildCallHeaders(options) });
  expectFrame();
  try {
    await finished.promise;
  } catch (error) {
    if (control !== undefined) connection.publish(control, "leave");
    throw error;
  } finally {
    clearTimeout(waiting);
    clearInterval(stillHere);
    receiver.signal.removeEventListener("abort", leave);
    subscription.unsubscribe();
  }
}
