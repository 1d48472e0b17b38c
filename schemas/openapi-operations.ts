// Every operation of the public interface: who may call it, what it takes and answers. The edge's route table is
// checked against this one, and GET /openapi.json is built from it.
import { Type, type TSchema } from "@sinclair/typebox";
import type { ErrorCode } from "./errors.ts";
import { eventsBodyContract, verdictsContract } from "./openapi-events.ts";
import type { KeyScope } from "./projects/project.ts";
import { ExportEventsParameters } from "./query/export.ts";
import { Receipt } from "./query/receipt.ts";
import { TrendsAnswer, TrendsQuery } from "./query/trends.ts";

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly description: string;
  readonly schema: TSchema;
}

export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** With parameters in braces. */
  readonly path: string;
  /** Null: open to everybody. */
  readonly scope: KeyScope | null;
  readonly tag: "Ingestion" | "Queries" | "Administration" | "Health";
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  /** By content type. */
  readonly body?: Readonly<Record<string, TSchema>>;
  readonly success: {
    readonly status: number;
    readonly description: string;
    readonly content: string;
    readonly schema?: TSchema;
  };
  /** Codes beyond those of the key and of a service that is away. */
  readonly errors: readonly ErrorCode[];
}

const json = "application/json";
const anyObject = Type.Record(Type.String(), Type.Unknown());

/** `accept_encoding` is what the edge adds from the header of that name. */
const exportParameters: readonly Parameter[] = Object.entries<TSchema>(ExportEventsParameters.properties)
  .filter(([name]) => name !== "accept_encoding")
  .map(([name, schema]) => ({ name, in: "query", description: schema.description ?? name, schema }));

const projectContract = Type.Object({
  id: Type.String(),
  name: Type.String(),
  timezone: Type.String(),
  events_per_second_max: Type.Union([Type.Integer(), Type.Null()]),
  created_at: Type.String({ format: "date-time" }),
});

export const operations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/events",
    scope: "write",
    tag: "Ingestion",
    summary: "Send events",
    description:
      'One event, an array, `{"batch":[…]}` or NDJSON; gzip, br and deflate are understood. The answer comes when ' +
      "the log holds the accepted events on disk. One bad event never rejects its neighbours; a line of NDJSON that " +
      "is not JSON is rejected alone. 400 with the same body (and `error`) when no event was accepted.",
    body: {
      [json]: eventsBodyContract,
      "application/x-ndjson": Type.String({ description: "One event a line." }),
    },
    success: {
      status: 202,
      description: "What became of each event.",
      content: json,
      schema: verdictsContract,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_ENCODING",
      "MALFORMED_COMPRESSION",
      "EMPTY_BODY",
      "INVALID_BODY",
      "NO_EVENT_ACCEPTED",
      "REQUEST_TIMEOUT",
      "BODY_TOO_LARGE",
      "TOO_MANY_EVENTS",
      "UNSUPPORTED_MEDIA_TYPE",
      "RATE_LIMITED",
      "BEHIND",
      "LOG_UNAVAILABLE",
    ],
  },
  {
    method: "GET",
    path: "/v1/events/{event_id}",
    scope: "read",
    tag: "Ingestion",
    summary: "The receipt of an event",
    parameters: [
      {
        name: "event_id",
        in: "path",
        description: "Id that the event was sent with.",
        schema: Type.String(),
      },
    ],
    success: {
      status: 200,
      description: "pending, stored, duplicate or quarantined.",
      content: json,
      schema: Receipt,
    },
    errors: ["EVENT_NOT_FOUND"],
  },
  {
    method: "POST",
    path: "/v1/query/trends",
    scope: "read",
    tag: "Queries",
    summary: "Counts, sums, averages and quantiles over time",
    body: { [json]: TrendsQuery },
    success: {
      status: 200,
      description: "One series for each that was asked for.",
      content: json,
      schema: TrendsAnswer,
    },
    errors: ["MALFORMED_JSON", "INVALID_QUERY", "QUERY_TOO_EXPENSIVE", "BODY_TOO_LARGE"],
  },
  {
    method: "GET",
    path: "/v1/export/events",
    scope: "read",
    tag: "Queries",
    summary: "All raw events of a range, streamed",
    description:
      "Without a cap on rows, in constant memory. A stream that could not be completed ends without the final chunk.",
    parameters: exportParameters,
    success: { status: 200, description: "The rows.", content: "application/x-ndjson" },
    errors: ["INVALID_PARAMETER"],
  },
  {
    method: "POST",
    path: "/v1/projects",
    scope: "admin",
    tag: "Administration",
    summary: "Create a project",
    description: "Any admin key may create projects. The new project's own keys are shown once, here.",
    body: {
      [json]: Type.Object({
        name: Type.String({ minLength: 1, maxLength: 200 }),
        timezone: Type.Optional(Type.String({ description: "IANA name; default UTC." })),
        limits: Type.Optional(
          Type.Object({ events_per_second_max: Type.Optional(Type.Integer({ minimum: 1 })) }),
        ),
      }),
    },
    success: {
      status: 201,
      description: "The project and its keys.",
      content: json,
      schema: Type.Object({
        id: Type.String(),
        name: Type.String(),
        keys: Type.Object({ write: Type.String(), read: Type.String(), admin: Type.String() }),
      }),
    },
    errors: ["MALFORMED_JSON", "INVALID_BODY", "CONFLICT"],
  },
  {
    method: "GET",
    path: "/v1/projects",
    scope: "admin",
    tag: "Administration",
    summary: "List projects",
    description: "The admin key of the project `default` sees all projects, any other its own.",
    success: {
      status: 200,
      description: "The projects.",
      content: json,
      schema: Type.Object({ projects: Type.Array(projectContract) }),
    },
    errors: [],
  },
  {
    method: "DELETE",
    path: "/v1/projects/{id}",
    scope: "admin",
    tag: "Administration",
    summary: "Delete a project, its keys and its events",
    description:
      "The admin key of the project `default` may delete every other project, any other admin key its own.",
    parameters: [{ name: "id", in: "path", description: "Id of the project.", schema: Type.String() }],
    success: { status: 200, description: "It is gone.", content: json, schema: anyObject },
    errors: ["PROJECT_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/system",
    scope: "admin",
    tag: "Administration",
    summary: "Lag per partition, watermark, throughput, stores, and what the log promises",
    success: { status: 200, description: "The state of the installation.", content: json, schema: anyObject },
    errors: [],
  },
  {
    method: "GET",
    path: "/metrics",
    scope: "admin",
    tag: "Administration",
    summary: "Metrics of all processes in Prometheus' text format",
    success: { status: 200, description: "The metrics.", content: "text/plain" },
    errors: [],
  },
  {
    method: "GET",
    path: "/healthz",
    scope: null,
    tag: "Health",
    summary: "Liveness: this process answers",
    success: { status: 200, description: "It does.", content: json, schema: anyObject },
    errors: [],
  },
  {
    method: "GET",
    path: "/readyz",
    scope: null,
    tag: "Health",
    summary: "Readiness: the log, the workers and the query tier are there",
    success: { status: 200, description: "They are.", content: json, schema: anyObject },
    errors: ["SERVICE_UNAVAILABLE"],
  },
  {
    method: "GET",
    path: "/openapi.json",
    scope: null,
    tag: "Health",
    summary: "This document",
    success: { status: 200, description: "OpenAPI 3.1.", content: json, schema: anyObject },
    errors: [],
  },
  {
    method: "GET",
    path: "/docs",
    scope: null,
    tag: "Health",
    summary: "This document for people",
    success: { status: 200, description: "A page.", content: "text/html" },
    errors: [],
  },
];
