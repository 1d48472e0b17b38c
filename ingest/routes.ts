// Every route of the edge in one table: method, path, what answers. Scopes and contracts of the same routes stand in
// schemas/openapi-operations.ts; a test holds both tables equal.
import { MillraceError } from "#schemas/errors.ts";
import { createReceiveEvents, type ReceiveEventsOptions } from "./events/receive-events.ts";
import type { Exchange, RouteTraits } from "./server/exchange.ts";
import type { Handler, ServerRoute } from "./server.ts";
import { createDescription } from "./system/describe-interface.ts";
import {
  createPassToService,
  createStreamFromService,
  readQuery,
  type ServiceAccess,
  type ServiceRoute,
} from "./system/pass-to-service.ts";

const adminMsMax = 15_000;
const queryMsMax = 60_000;
const receiptMsMax = 5_000;
/** Longest silence of a streamed answer. */
const streamMsMax = 60_000;

/** Longer headers are cut before they go to a service. */
const headerLengthMax = 1_000;

export interface RouteParts {
  readonly events: ReceiveEventsOptions;
  readonly services: ServiceAccess;
  readonly version: string;
  readonly health: Handler;
  readonly readiness: Handler;
  readonly metrics: Handler;
}

export function createRoutes(parts: RouteParts): ServerRoute[] {
  const { services } = parts;
  const service = (route: ServiceRoute): Handler => createPassToService(services, route);
  const { document, page } = createDescription(parts.version);
  const table: [method: ServerRoute["method"], path: string, handler: Handler, traits?: "cors"][] = [
    ["POST", "/v1/events", createReceiveEvents(parts.events), "cors"],
    ["OPTIONS", "/v1/events", answerPreflight, "cors"],
    [
      "GET",
      "/v1/events/:event_id",
      service({
        subject: "svc.query.receipt",
        scope: "read",
        status: 200,
        timeoutMs: receiptMsMax,
        payload: (head) => ({ event_id: head.parameter(0) }),
      }),
    ],
    [
      "POST",
      "/v1/query/trends",
      service({
        subject: "svc.query.trends",
        scope: "read",
        status: 200,
        timeoutMs: queryMsMax,
        payload: null,
      }),
    ],
    [
      "GET",
      "/v1/export/events",
      createStreamFromService(services, {
        subject: "svc.query.export_events",
        scope: "read",
        timeoutMs: streamMsMax,
        payload: (head) => ({
          ...readQuery(head),
          accept_encoding: head.header("accept-encoding").slice(0, headerLengthMax),
        }),
      }),
    ],
    [
      "POST",
      "/v1/projects",
      service({
        subject: "svc.projects.create",
        scope: "admin",
        status: 201,
        timeoutMs: adminMsMax,
        payload: null,
      }),
    ],
    [
      "GET",
      "/v1/projects",
      service({
        subject: "svc.projects.list",
        scope: "admin",
        status: 200,
        timeoutMs: adminMsMax,
        payload: () => ({}),
      }),
    ],
    [
      "DELETE",
      "/v1/projects/:id",
      service({
        subject: "svc.projects.delete",
        scope: "admin",
        status: 200,
        timeoutMs: adminMsMax,
        payload: (head) => ({ id: head.parameter(0) }),
      }),
    ],
    [
      "GET",
      "/v1/system",
      service({
        subject: "svc.query.system",
        scope: "admin",
        status: 200,
        timeoutMs: adminMsMax,
        payload: () => ({}),
      }),
    ],
    ["GET", "/metrics", parts.metrics],
    ["GET", "/healthz", parts.health],
    ["GET", "/readyz", parts.readiness],
    ["GET", "/openapi.json", document],
    ["GET", "/docs", page],
  ];
  return table.map(([method, path, handler, traits], index) => ({
    index,
    method,
    path,
    cors: traits === "cors",
    handler,
  }));
}

/** Counted as one route, whatever the address was: metrics have closed sets of labels. */
export function createFallbackTraits(routes: readonly ServerRoute[]): RouteTraits {
  return { index: routes.length, method: "ANY", path: "unknown", cors: false };
}

export function answerUnknown(exchange: Exchange, allowedMethods: readonly string[]): void {
  if (allowedMethods.length === 0) {
    exchange.fail(new MillraceError("NOT_FOUND"));
  } else {
    exchange.fail(new MillraceError("METHOD_NOT_ALLOWED"), [["Allow", allowedMethods.join(", ")]]);
  }
}

/** Any page may send events; no cookie or other credential is ever read, so none is allowed either. */
function answerPreflight(exchange: Exchange): void {
  exchange.answerEmpty(204, [
    ["Access-Control-Allow-Methods", "POST, OPTIONS"],
    ["Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, traceparent"],
    ["Access-Control-Max-Age", "86400"],
  ]);
}
