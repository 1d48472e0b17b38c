// The HTTP server: with ingest/server/, the only code that touches uWebSockets.js. Takes a table of routes and hands
// every request over as an Exchange.
import { randomBytes } from "node:crypto";
import {
  App,
  us_listen_socket_close,
  us_socket_local_port,
  type HttpRequest,
  type HttpResponse,
  type us_listen_socket,
} from "uWebSockets.js";
import { MillraceError } from "#schemas/errors.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { BodyBudget } from "./server/body-budget.ts";
import {
  Exchange,
  readHead,
  type ExchangeObserver,
  type ExchangeOwner,
  type RequestHead,
  type RouteTraits,
} from "./server/exchange.ts";
import { SocketServer, type SocketRoute } from "./server/sockets.ts";

export type Handler = (exchange: Exchange, head: RequestHead) => void | Promise<void>;

export interface ServerRoute extends RouteTraits {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  readonly handler: Handler;
}

export interface HttpServer {
  /** Port 0 takes a free one; answers the port. Rejects when it is taken. */
  listen(host: string, port: number): Promise<number>;
  /** Takes no new connections; answers close the ones that are open. */
  stopListening(): void;
  /** Resolves when every request and frame is answered, or after `msMax`. */
  drain(msMax: number): Promise<void>;
  /** Ends all connections. */
  close(): void;
}

/** Without it two installations could share a port, and requests would reach either. */
const listenExclusively = 1;

const drainPollMs = 10;

const methods = {
  GET: "get",
  POST: "post",
  PUT: "put",
  PATCH: "patch",
  DELETE: "del",
  OPTIONS: "options",
} as const;

/**
 * A path that begins with a parameter would take other methods of all addresses with one part: it is tried after
 * everything else, and answers HEAD too.
 */
function isLastResort(route: RouteTraits): boolean {
  return route.path.startsWith("/:");
}

export function createServer(options: {
  routes: readonly ServerRoute[];
  sockets: readonly SocketRoute[];
  /** For what no route takes: the methods that its address would take, if any. */
  fallback: (exchange: Exchange, allowedMethods: readonly string[], path: string) => void;
  fallbackTraits: RouteTraits;
  observer: ExchangeObserver;
  budget: BodyBudget;
  log: Logger;
}): HttpServer {
  const owner: ExchangeOwner = {
    observer: options.observer,
    budget: options.budget,
    closing: false,
    open: 0,
  };
  const idPrefix = randomBytes(6).toString("hex");
  let requests = 0;
  const nextRequestId = (): string => `${idPrefix}-${(requests++).toString(36)}`;

  const failed = (exchange: Exchange, error: unknown): void => {
    if (error instanceof MillraceError) {
      exchange.fail(error);
      return;
    }
    options.log.error({ err: error, requestId: exchange.requestId }, "request failed");
    exchange.fail(new MillraceError("INTERNAL", { cause: error }));
  };

  const app = App();
  const sockets = new SocketServer(options.sockets, options.log);
  sockets.listen(app);
  const run = (route: ServerRoute, response: HttpResponse, request: HttpRequest, isHead: boolean): void => {
    const exchange = new Exchange(response, route, nextRequestId(), owner, isHead);
    if (route.cors === "mirrored") exchange.origin = request.getHeader("origin");
    try {
      const result = route.handler(exchange, readHead(request));
      if (result !== undefined) result.catch((error: unknown) => failed(exchange, error));
    } catch (error) {
      failed(exchange, error);
    }
    exchange.returned();
  };
  const fall = (response: HttpResponse, allowed: readonly string[], path: string): void => {
    const exchange = new Exchange(response, options.fallbackTraits, nextRequestId(), owner);
    options.fallback(exchange, allowed, path);
    exchange.returned();
  };
  for (const route of options.routes) {
    if (isLastResort(route)) continue;
    app[methods[route.method]](route.path, (response: HttpResponse, request: HttpRequest) => {
      run(route, response, request, false);
    });
  }
  // Less specific patterns are tried later: these answer what the routes above leave.
  for (const path of new Set(options.routes.map((route) => route.path))) {
    const others = options.routes.filter((route) => route.path === path);
    const allowed: string[] = others.map((route) => route.method);
    const last = new Map(others.filter(isLastResort).map((route) => [route.method.toLowerCase(), route]));
    if (last.has("get")) allowed.push("HEAD");
    app.any(path, (response, request) => {
      const method = request.getMethod();
      const isHead = method === "head";
      const route = last.get(isHead ? "get" : method);
      if (route !== undefined) {
        run(route, response, request, isHead);
        return;
      }
      fall(response, allowed, path);
    });
  }
  app.any("/*", (response, request) => fall(response, [], request.getUrl()));

  let listening: us_listen_socket | undefined;
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        // The declaration lacks the form with host and options; the library takes it.
        const listen = app.listen.bind(app) as unknown as (
          host: string,
          port: number,
          options: number,
          callback: (socket: us_listen_socket | false) => void,
        ) => void;
        listen(host, port, listenExclusively, (socket) => {
          if (socket === false) {
            reject(new Error(`cannot listen on ${host}:${port}; is the port taken?`));
            return;
          }
          listening = socket;
          resolve(us_socket_local_port(socket as never));
        });
      }),
    stopListening() {
      owner.closing = true;
      if (listening !== undefined) us_listen_socket_close(listening);
      listening = undefined;
      sockets.drain();
    },
    async drain(msMax) {
      for (let waitedMs = 0; owner.open + sockets.open > 0 && waitedMs < msMax; waitedMs += drainPollMs) {
        await new Promise((resolve) => {
          setTimeout(resolve, drainPollMs);
        });
      }
    },
    close() {
      app.close();
    },
  };
}
