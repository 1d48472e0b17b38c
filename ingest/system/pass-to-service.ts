// Routes that a service answers: the request's body or parameters go out as they are, the answer's bytes come back.
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import type { KeyScope } from "#schemas/projects/project.ts";
import { callServiceRaw, callStream } from "#streams/call-service.ts";
import { authorize } from "../access/authorize.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import type { Handler } from "../server.ts";

export interface ServiceAccess {
  readonly connection: NatsConnection;
  readonly keys: KeyCache;
}

export interface ServiceRoute {
  readonly subject: string;
  readonly scope: KeyScope;
  readonly status: number;
  readonly timeoutMs: number;
  /** Reads the payload from the head; null: the request's body is the payload. */
  readonly payload: ((head: RequestHead) => object) | null;
}

const bodyLimits = { bytesMax: 256 * 1024, deadlineMs: 15_000, keep: true };

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

function readTraceparent(head: RequestHead): string | undefined {
  const traceparent = head.header("traceparent");
  return traceparentPattern.test(traceparent) ? traceparent : undefined;
}

function readBody(exchange: Exchange): Promise<Buffer> {
  return new Promise((resolve) => {
    exchange.readBody(bodyLimits, resolve);
  });
}

export function createPassToService(access: ServiceAccess, route: ServiceRoute): Handler {
  return async (exchange, head) => {
    // Everything of the head is read before the first await.
    const traceparent = readTraceparent(head);
    const authorized = authorize(access.keys, head, route.scope);
    const payload = route.payload === null ? readBody(exchange) : Promise.resolve(route.payload(head));
    const key = await authorized;
    const sent = await payload;
    if (sent instanceof Uint8Array && sent.length === 0) throw new MillraceError("EMPTY_BODY");
    if (exchange.done) return;
    const answer = await callServiceRaw(access.connection, route.subject, sent, {
      requestId: exchange.requestId,
      projectId: key.projectId,
      scope: key.scope,
      traceparent,
      timeoutMs: route.timeoutMs,
    });
    exchange.answer(route.status, answer);
  };
}

/** A streamed answer: the service sends as fast as the client reads, and stops when the client leaves. */
export function createStreamFromService(
  access: ServiceAccess,
  route: Omit<ServiceRoute, "status" | "payload"> & { payload: (head: RequestHead) => object },
): Handler {
  return async (exchange, head) => {
    const traceparent = readTraceparent(head);
    const payload = route.payload(head);
    const key = await authorize(access.keys, head, route.scope);
    const leaving = new AbortController();
    exchange.onLeft(() => leaving.abort());
    let started = 0;
    try {
      await callStream(
        access.connection,
        route.subject,
        payload,
        {
          requestId: exchange.requestId,
          projectId: key.projectId,
          scope: key.scope,
          traceparent,
          timeoutMs: route.timeoutMs,
        },
        {
          onStart(meta) {
            started = meta.status;
            exchange.startStream(meta.status, Object.entries(meta.headers));
          },
          onChunk: (bytes) => exchange.write(bytes),
          signal: leaving.signal,
        },
      );
      exchange.endStream(started);
    } catch (error) {
      if (started === 0) throw error;
      exchange.breakStream(started);
    }
  };
}

/** The query string as an object; a name given more than once becomes a list. */
export function readQuery(head: RequestHead): Record<string, string | string[]> {
  const parameters = new URLSearchParams(head.query());
  const object: Record<string, string | string[]> = {};
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    object[name] = values.length === 1 ? (values[0] as string) : values;
  }
  return object;
}
