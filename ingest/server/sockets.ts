// WebSockets over uWebSockets.js: what a route's handler sees of a connection, and the bounds of all of them.
// Frames and answers are never dropped silently: a receiver that does not read is disconnected.
import type { HttpRequest, HttpResponse, TemplatedApp, WebSocket } from "uWebSockets.js";
import type { Logger } from "#ops/runtime/log.ts";
import { readHead, type RequestHead } from "./exchange.ts";

/** What a handler may do with its connection; calls after its end do nothing. */
export interface SocketConnection {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes that the client has not read yet. */
  readonly unreadBytes: number;
  /** As the system says it; of a proxy, when there is one. */
  readonly remoteAddress: string;
}

export interface SocketHandler {
  /** The bytes are valid only until it returns. */
  onFrame(bytes: Buffer, isText: boolean): void;
  onClose(): void;
  /** The server stops: take nothing more, close once everything is answered. */
  onDrain(): void;
}

export interface SocketRoute {
  readonly path: string;
  readonly frameBytesMax: number;
  /** Called when the handshake is done; the head of the request is readable only before, so it comes copied. */
  readonly open: (connection: SocketConnection, head: RequestHead) => SocketHandler;
}

const connectionsMax = 10_000;
/** A connection without a frame or a pong for this long is over; pings are sent in time. */
const idleSecondsMax = 120;
/** Answers that a client has not read yet. */
const unreadBytesMax = 1024 * 1024;
const tryAgainLater = 1013;

interface SocketData {
  readonly head: RequestHead;
  handler: SocketHandler | undefined;
  connection: Connection | undefined;
}

class Connection implements SocketConnection {
  #socket: WebSocket<SocketData> | undefined;
  readonly remoteAddress: string;

  constructor(socket: WebSocket<SocketData>) {
    this.#socket = socket;
    this.remoteAddress = Buffer.from(socket.getRemoteAddressAsText()).toString();
  }

  send(text: string): void {
    this.#socket?.send(text, false);
  }

  close(code: number, reason: string): void {
    this.#socket?.end(code, reason);
  }

  get unreadBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  /** The library's socket is gone. */
  forget(): void {
    this.#socket = undefined;
  }
}

export class SocketServer {
  readonly #routes: readonly SocketRoute[];
  readonly #log: Logger;
  readonly #handlers = new Set<SocketHandler>();

  constructor(routes: readonly SocketRoute[], log: Logger) {
    this.#routes = routes;
    this.#log = log;
  }

  /** Connections that are not over. */
  get open(): number {
    return this.#handlers.size;
  }

  listen(app: TemplatedApp): void {
    for (const route of this.#routes) this.#listen(app, route);
  }

  drain(): void {
    for (const handler of [...this.#handlers]) handler.onDrain();
  }

  #listen(app: TemplatedApp, route: SocketRoute): void {
    app.ws<SocketData>(route.path, {
      maxPayloadLength: route.frameBytesMax,
      idleTimeout: idleSecondsMax,
      sendPingsAutomatically: true,
      maxBackpressure: unreadBytesMax,
      closeOnBackpressureLimit: true,
      upgrade(response: HttpResponse, request: HttpRequest, context) {
        const data: SocketData = { head: copyHead(request), handler: undefined, connection: undefined };
        response.upgrade(
          data,
          request.getHeader("sec-websocket-key"),
          request.getHeader("sec-websocket-protocol"),
          request.getHeader("sec-websocket-extensions"),
          context,
        );
      },
      open: (socket) => {
        const data = socket.getUserData();
        data.connection = new Connection(socket);
        if (this.#handlers.size >= connectionsMax) {
          data.connection.close(tryAgainLater, "too many connections");
          return;
        }
        data.handler = route.open(data.connection, data.head);
        this.#handlers.add(data.handler);
      },
      message: (socket, message, isBinary) => {
        try {
          socket.getUserData().handler?.onFrame(Buffer.from(message), !isBinary);
        } catch (error) {
          // Thrown into the library it would end the process.
          this.#log.error({ err: error, path: route.path }, "frame could not be received");
          socket.end(1011, "INTERNAL");
        }
      },
      close: (socket) => {
        const { connection, handler } = socket.getUserData();
        connection?.forget();
        if (handler === undefined) return;
        this.#handlers.delete(handler);
        handler.onClose();
      },
    });
  }
}

const headersKept = ["user-agent", "origin", "authorization", "x-forwarded-for"] as const;

function copyHead(request: HttpRequest): RequestHead {
  const head = readHead(request);
  const headers = new Map<string, readonly string[]>(
    headersKept.map((name) => [name, head.headerLines(name)]),
  );
  const query = head.query();
  return {
    header: (name) => headers.get(name)?.[0] ?? "",
    headerLines: (name) => headers.get(name) ?? [],
    query: () => query,
    parameter: () => "",
  };
}
