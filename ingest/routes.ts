// Every route of the edge in one table: what the edge answers by itself, and what a service answers. Contracts,
// scopes and services of the routes stand in schemas/operations/.
import { MillraceError } from "#schemas/errors.ts";
import { pathsOf, type Operation } from "#schemas/operations/operation.ts";
import { operations } from "#schemas/operations/operations.ts";
import { createReceiveEvents, type ReceiveEventsOptions } from "./events/receive-events.ts";
import type { Exchange, RequestHead, RouteTraits } from "./server/exchange.ts";
import { createOtlpHandlers } from "./sdk/otlp.ts";
import { createPostHogHandlers } from "./sdk/posthog-routes.ts";
import { SdkReceiver } from "./sdk/receive-requests.ts";
import { createSegmentHandlers } from "./sdk/segment-routes.ts";
import type { Handler, ServerRoute } from "./server.ts";
import { createDescription } from "./system/describe-interface.ts";
import {
  createPassToService,
  createStreamFromService,
  type ServiceAccess,
} from "./system/pass-to-service.ts";
import { describeUnknown } from "./system/unknown-address.ts";

export interface RouteParts {
  readonly events: ReceiveEventsOptions;
  readonly receiveUpload: Handler;
  readonly replayQuarantine: Handler;
  readonly receiveListener: Handler;
  readonly receiveClicks: Handler;
  readonly links: { readonly redirect: Handler; readonly unlock: Handler };
  readonly services: ServiceAccess;
  readonly version: string;
  readonly health: Handler;
  readonly readiness: Handler;
  readonly metrics: Handler;
}

/** Operations that the edge answers by itself. */
function createOwnHandlers(parts: RouteParts): Record<string, Handler> {
  const { document, page } = createDescription(parts.version);
  const receiver = new SdkReceiver(parts.events);
  return {
    ...createSegmentHandlers(receiver, parts.events.keys),
    ...createPostHogHandlers(receiver, parts.events.keys),
    ...createOtlpHandlers(parts.events),
    "POST /v1/events": createReceiveEvents(parts.events),
    "POST /v1/uploads": parts.receiveUpload,
    "POST /v1/quarantine/replay": parts.replayQuarantine,
    "GET /v1/ingest": answerUpgradeRequired,
    "GET /v1/live": parts.receiveListener,
    "GET /v1/links/{code}/clicks": parts.receiveClicks,
    "GET /metrics": parts.metrics,
    "GET /healthz": parts.health,
    "GET /readyz": parts.readiness,
    "GET /openapi.json": document,
    "GET /docs": page,
    "GET /{code}": parts.links.redirect,
    "POST /{code}": parts.links.unlock,
  };
}

export function createRoutes(parts: RouteParts): ServerRoute[] {
  const own = createOwnHandlers(parts);
  const handlerOf = (operation: Operation): Handler => {
    const { service } = operation;
    if (service === undefined) {
      const handler = own[`${operation.method} ${operation.path}`];
      if (handler === undefined) throw new Error(`${operation.method} ${operation.path} has no handler`);
      return handler;
    }
    return service.stream === true
      ? createStreamFromService(parts.services, operation, service)
      : createPassToService(parts.services, operation, service);
  };
  const table: Omit<ServerRoute, "index">[] = operations.flatMap((operation) => {
    const { method, cors = "none" } = operation;
    const handler = handlerOf(operation);
    return pathsOf(operation).map((path) => ({ method, path: toPattern(path), handler, cors }));
  });
  // One for each address, whatever methods it takes.
  const callable = new Map(table.filter(({ cors }) => cors !== "none").map(({ path, cors }) => [path, cors]));
  for (const [path, cors] of callable) {
    const methods = table.filter((route) => route.path === path).map(({ method }) => method);
    const handler = cors === "mirrored" ? mirrorPreflight : createPreflight(methods);
    table.push({ method: "OPTIONS", path, handler, cors });
  }
  return table.map((route, index) => ({ ...route, index }));
}

/** Parameters as the server writes them. */
function toPattern(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

/** Reached by requests that do not ask for a WebSocket; those that do never come here. */
function answerUpgradeRequired(exchange: Exchange): void {
  exchange.fail(new MillraceError("UPGRADE_REQUIRED"), [["Upgrade", "websocket"]]);
}

/** Counted as one route, whatever the address was: metrics have closed sets of labels. */
export function createFallbackTraits(routes: readonly ServerRoute[]): RouteTraits {
  return { index: routes.length, method: "ANY", path: "unknown", cors: "none" };
}

export function answerUnknown(exchange: Exchange, allowedMethods: readonly string[], path: string): void {
  if (allowedMethods.length === 0) {
    exchange.fail(describeUnknown(path));
  } else {
    exchange.fail(new MillraceError("METHOD_NOT_ALLOWED"), [["Allow", allowedMethods.join(", ")]]);
  }
}

/** Any page may ask; no cookie or other credential is ever read, so none is allowed either. */
function createPreflight(methods: readonly string[]): Handler {
  return (exchange) => {
    exchange.answerEmpty(204, [
      ["Access-Control-Allow-Methods", [...methods, "OPTIONS"].join(", ")],
      ["Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, traceparent"],
      ["Access-Control-Max-Age", "86400"],
    ]);
  };
}

/** SDKs set headers of their own; all of them are allowed, the origin is named by the exchange. */
function mirrorPreflight(exchange: Exchange, head: RequestHead): void {
  exchange.answerEmpty(204, [
    ["Access-Control-Allow-Methods", "GET, POST, OPTIONS"],
    [
      "Access-Control-Allow-Headers",
      head.header("access-control-request-headers") || "Authorization, Content-Type",
    ],
    ["Access-Control-Max-Age", "86400"],
  ]);
}
