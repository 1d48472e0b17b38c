// Tracking plans, and the quarantine of events that differ from them.
import { Type } from "@sinclair/typebox";
import { NewPlan, Plan, planLimits, ViolationCounts } from "../plans/plan.ts";
import { QuarantineList, QuarantinePage, QuarantineRemoval, QuarantineReplay } from "../plans/quarantine.ts";
import { adminMsMax, inPath, inQuery, json, queryMsMax, type Operation } from "./operation.ts";

const readers = ["read", "admin"] as const;
const event = inPath("event", "Name of the event.");
const bodyErrors = [
  "MALFORMED_JSON",
  "INVALID_ENCODING",
  "INVALID_BODY",
  "EMPTY_BODY",
  "BODY_TOO_LARGE",
] as const;

export const plansOperations: readonly Operation[] = [
  {
    method: "PUT",
    path: "/v1/schemas/{event}",
    service: { subject: "svc.plans.put", msMax: adminMsMax },
    scope: "admin",
    tag: "Tracking plans",
    summary: "Say what the properties of an event must look like",
    description: `JSON Schema, draft 2020-12: at most ${planLimits.nodesMax} parts with references followed, references of the form #/$defs/name, patterns of RE2. A change of the schema is a new version, in force within seconds; one that breaks readers is refused, unless \`compatibility\` is "none". What is absent stays as it was; the mode is at first \`observe\`.`,
    parameters: [event],
    body: { [json]: NewPlan },
    success: { status: 200, description: "The plan in force.", content: json, schema: Plan },
    errors: [...bodyErrors, "EVENT_NAME_INVALID", "SCHEMA_INVALID", "SCHEMA_INCOMPATIBLE", "CONFLICT"],
  },
  {
    method: "GET",
    path: "/v1/schemas",
    service: { subject: "svc.plans.list", msMax: adminMsMax },
    scope: readers,
    tag: "Tracking plans",
    summary: "List tracking plans",
    success: {
      status: 200,
      description: "The plans in force, by name of their event.",
      content: json,
      schema: Type.Object({ schemas: Type.Array(Plan) }),
    },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/schemas/{event}",
    service: { subject: "svc.plans.get", msMax: adminMsMax },
    scope: readers,
    tag: "Tracking plans",
    summary: "The tracking plan of an event",
    parameters: [event],
    success: { status: 200, description: "The plan in force.", content: json, schema: Plan },
    errors: ["SCHEMA_NOT_FOUND", "EVENT_NAME_INVALID"],
  },
  {
    method: "GET",
    path: "/v1/schemas/{event}/versions",
    service: { subject: "svc.plans.versions", msMax: adminMsMax },
    scope: readers,
    tag: "Tracking plans",
    summary: "All versions of a tracking plan",
    parameters: [event],
    success: {
      status: 200,
      description: "The newest first, as each was last.",
      content: json,
      schema: Type.Object({ versions: Type.Array(Plan) }),
    },
    errors: ["SCHEMA_NOT_FOUND", "EVENT_NAME_INVALID"],
  },
  {
    method: "GET",
    path: "/v1/schemas/{event}/violations",
    service: { subject: "svc.plans.violations", msMax: adminMsMax },
    scope: readers,
    tag: "Tracking plans",
    summary: "How often each rule of a plan was broken",
    description:
      "By day of arrival (UTC), version and rule; the last 90 days by default. An event counts for each rule that it breaks. Events that the edge refused (mode `reject`) are in the answer to their sender, not here.",
    parameters: [
      event,
      { name: "from", in: "query", description: "First day, as 2026-11-01.", schema: Type.String() },
      { name: "to", in: "query", description: "Last day.", schema: Type.String() },
    ],
    success: { status: 200, description: "The newest day first.", content: json, schema: ViolationCounts },
    errors: ["SCHEMA_NOT_FOUND", "EVENT_NAME_INVALID", "INVALID_PARAMETER"],
  },
  {
    method: "DELETE",
    path: "/v1/schemas/{event}",
    service: { subject: "svc.plans.delete", msMax: adminMsMax },
    scope: "admin",
    tag: "Tracking plans",
    summary: "Give up a tracking plan",
    description: "Its versions stay listed; what is in the quarantine stays there.",
    parameters: [event],
    success: {
      status: 200,
      description: "Its events are no longer checked.",
      content: json,
      schema: Type.Object({ event: Type.String(), deleted: Type.Literal(true) }),
    },
    errors: ["SCHEMA_NOT_FOUND", "EVENT_NAME_INVALID"],
  },
  {
    method: "GET",
    path: "/v1/quarantine",
    service: { subject: "svc.query.quarantine", msMax: queryMsMax },
    scope: readers,
    tag: "Tracking plans",
    summary: "Events that are kept aside",
    description:
      "The newest first, each once however often it was sent, with the reason and as it was sent. They are kept for 30 days.",
    parameters: inQuery(QuarantineList),
    success: { status: 200, description: "A page of events.", content: json, schema: QuarantinePage },
    errors: ["INVALID_PARAMETER"],
  },
  {
    method: "POST",
    path: "/v1/quarantine/replay",
    scope: "admin",
    tag: "Tracking plans",
    summary: "Send events of the quarantine on their way again",
    description:
      "Those that the filter or the ids mean, changed by `patch`, as if they had just been sent: they are checked with the plan in force, and counted once, however often they are replayed. Those that still differ stay in the quarantine.",
    body: { [json]: QuarantineReplay },
    success: {
      status: 200,
      description: "What was replayed, what cannot be, and whether there is more to replay.",
      content: json,
      schema: Type.Object({
        replayed: Type.Integer(),
        rejected: Type.Array(
          Type.Object({ event_id: Type.String(), code: Type.String(), message: Type.String() }),
        ),
        left: Type.Boolean(),
      }),
    },
    audit: { outcome: ["replayed"] },
    errors: [...bodyErrors, "INVALID_PARAMETER", "BEHIND", "QUOTA_EXCEEDED"],
  },
  {
    method: "DELETE",
    path: "/v1/quarantine",
    service: { subject: "svc.plans.delete_quarantined", msMax: queryMsMax },
    scope: "admin",
    tag: "Tracking plans",
    summary: "Give up events of the quarantine",
    description: "Those that the filter or the ids mean; without any, all of them.",
    parameters: inQuery(QuarantineRemoval),
    success: {
      status: 200,
      description: "How many are gone, and whether there are more.",
      content: json,
      schema: Type.Object({ deleted: Type.Integer(), left: Type.Boolean() }),
    },
    errors: ["INVALID_PARAMETER", "INVALID_BODY"],
  },
];
