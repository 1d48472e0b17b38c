// Whether it runs, and what it offers.
import { anyObject, json, type Operation } from "./operation.ts";

export const healthOperations: readonly Operation[] = [
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
