// Alerts: rules on trends, their incidents, and a test of whom they tell.
import { Type } from "@sinclair/typebox";
import { Alert, NewAlert } from "../alerts/alert.ts";
import { Delivery, Incident } from "../alerts/incident.ts";
import type { ErrorCode } from "../errors.ts";
import { adminMsMax, anyObject, inPath, json, type Operation } from "./operation.ts";

const scope = ["read", "admin"] as const;
const id = inPath("id", "Id of the alert.");
const bodyErrors = [
  "MALFORMED_JSON",
  "INVALID_ENCODING",
  "INVALID_BODY",
  "INVALID_QUERY",
  "EMPTY_BODY",
  "BODY_TOO_LARGE",
] as const satisfies readonly ErrorCode[];

export const alertsOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/alerts",
    service: { subject: "svc.alerts.create", msMax: adminMsMax },
    scope,
    tag: "Alerts",
    summary: "Watch a trend",
    description:
      "The query has one series, or a formula; its `interval` says how often the rule is looked at: once for every " +
      "bucket, when it has ended and the grace time is over. Anomaly rules need buckets of an hour or a day.",
    body: { [json]: NewAlert },
    success: { status: 201, description: "The alert.", content: json, schema: Alert },
    errors: [...bodyErrors, "CONFLICT"],
  },
  {
    method: "GET",
    path: "/v1/alerts",
    service: { subject: "svc.alerts.list", msMax: adminMsMax },
    scope,
    tag: "Alerts",
    summary: "List alerts",
    success: {
      status: 200,
      description: "The oldest first.",
      content: json,
      schema: Type.Object({ alerts: Type.Array(Alert) }),
    },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/alerts/{id}",
    service: { subject: "svc.alerts.get", msMax: adminMsMax },
    scope,
    tag: "Alerts",
    summary: "An alert and its state",
    parameters: [id],
    success: { status: 200, description: "The alert.", content: json, schema: Alert },
    errors: ["ALERT_NOT_FOUND"],
  },
  {
    method: "PUT",
    path: "/v1/alerts/{id}",
    service: { subject: "svc.alerts.replace", msMax: adminMsMax },
    scope,
    tag: "Alerts",
    summary: "Replace an alert, keeping its id and history",
    description: "An open incident is closed when the query or the rule changes, or the alert is disabled.",
    parameters: [id],
    body: { [json]: NewAlert },
    success: { status: 200, description: "The alert.", content: json, schema: Alert },
    errors: [...bodyErrors, "ALERT_NOT_FOUND"],
  },
  {
    method: "DELETE",
    path: "/v1/alerts/{id}",
    service: { subject: "svc.alerts.delete", msMax: adminMsMax },
    scope,
    tag: "Alerts",
    summary: "Delete an alert with its history; nobody is told any more",
    parameters: [id],
    success: { status: 200, description: "It is gone.", content: json, schema: anyObject },
    errors: ["ALERT_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/alerts/{id}/incidents",
    service: { subject: "svc.alerts.incidents", msMax: adminMsMax },
    scope,
    tag: "Alerts",
    summary: "What an alert noticed, and whom it told",
    parameters: [id],
    success: {
      status: 200,
      description: "At most 100, the newest first.",
      content: json,
      schema: Type.Object({ incidents: Type.Array(Incident) }),
    },
    errors: ["ALERT_NOT_FOUND"],
  },
  {
    method: "POST",
    path: "/v1/alerts/{id}/test",
    service: { subject: "svc.alerts.test", msMax: adminMsMax },
    scope,
    tag: "Alerts",
    summary: "Send a test to every destination of an alert",
    description: "One attempt for each; the answer waits for them, up to 12 seconds.",
    parameters: [id],
    success: {
      status: 200,
      description: "What became of each.",
      content: json,
      schema: Type.Object({ deliveries: Type.Array(Delivery) }),
    },
    errors: ["ALERT_NOT_FOUND", "RATE_LIMITED"],
  },
];
