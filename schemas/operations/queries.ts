// Queries over the events of a project, and exports.
import { ExportEventsParameters } from "../query/export.ts";
import { ExportQuery, ExportQueryParameters } from "../query/export-query.ts";
import { FunnelAnswer, FunnelQuery, FunnelUsersAnswer, FunnelUsersQuery } from "../query/funnel.ts";
import { LifecycleAnswer, LifecycleQuery } from "../query/lifecycle.ts";
import { PathsAnswer, PathsQuery } from "../query/paths.ts";
import {
  RetentionAnswer,
  RetentionQuery,
  RetentionUsersAnswer,
  RetentionUsersQuery,
} from "../query/retention.ts";
import { StickinessAnswer, StickinessQuery } from "../query/stickiness.ts";
import { TrendsAnswer, TrendsQuery } from "../query/trends.ts";
import { inQuery, json, queryMsMax, type Operation } from "./operation.ts";

/** Longest silence of a streamed answer. */
const streamMsMax = 60_000;

export const queriesOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/query/trends",
    service: { subject: "svc.query.trends", msMax: queryMsMax },
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
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "POST",
    path: "/v1/query/funnel",
    service: { subject: "svc.query.funnel", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "How far people come through steps, and how long it takes them",
    description:
      "A person counts at a step when one of their attempts, each begun within the range by an event of the first step, reached it within the window and without an excluded event. Times are from the step before, of the attempt that reached furthest. `trend`, `histogram` and `conversion` come with their views, `breakdowns` with a breakdown.",
    body: { [json]: FunnelQuery },
    success: {
      status: 200,
      description: "One entry for each step, and what was asked for beside.",
      content: json,
      schema: FunnelAnswer,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "POST",
    path: "/v1/query/funnel/users",
    service: { subject: "svc.query.funnel_users", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "The people behind one step of a funnel",
    description:
      "The body of the funnel with `step`: who reached it, or, with `dropped`, who reached the one before and not it. Neither `breakdown` nor `view` changes the list.",
    body: { [json]: FunnelUsersQuery },
    success: {
      status: 200,
      description: "One page of people.",
      content: json,
      schema: FunnelUsersAnswer,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "POST",
    path: "/v1/query/retention",
    service: { subject: "svc.query.retention", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "Who comes back, interval by interval",
    description:
      "One row for each of `periods` calendar intervals from the one that holds `from`. Row i is everybody with a target event in interval i; column k counts those with a returning event in interval i+k, column 0 is the row's size.",
    body: { [json]: RetentionQuery },
    success: {
      status: 200,
      description: "The triangle, and one for each value of the breakdown.",
      content: json,
      schema: RetentionAnswer,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "POST",
    path: "/v1/query/retention/users",
    service: { subject: "svc.query.retention_users", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "The people of one row of a retention table",
    description:
      "The body of the table with `row`. A breakdown does not narrow the list, `cumulative` does not change it.",
    body: { [json]: RetentionUsersQuery },
    success: {
      status: 200,
      description: "One page of people.",
      content: json,
      schema: RetentionUsersAnswer,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "POST",
    path: "/v1/query/stickiness",
    service: { subject: "svc.query.stickiness", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "People by the number of intervals in which they did an event",
    description:
      "Distinct calendar intervals between `from` and `to`; events outside the range are not counted.",
    body: { [json]: StickinessQuery },
    success: {
      status: 200,
      description: "One histogram for each series.",
      content: json,
      schema: StickinessAnswer,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "POST",
    path: "/v1/query/lifecycle",
    service: { subject: "svc.query.lifecycle", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "Who is new, stays, comes back and leaves, per interval",
    description:
      "Whole calendar intervals from the one that holds `from`; events after `to` are not counted. The interval before the range is looked at for the first bucket, all history for who is new.",
    body: { [json]: LifecycleQuery },
    success: {
      status: 200,
      description: "Four counts for each interval.",
      content: json,
      schema: LifecycleAnswer,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "POST",
    path: "/v1/query/paths",
    service: { subject: "svc.query.paths", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "What people did next, or before, as a weighted graph",
    description:
      "Paths of the events of a person from an anchor on, all of them inside the range. Nodes and edges beyond the limits are added up as $other, paths that end early as $end ($start with `previous`), so that the counts of a step add up.",
    body: { [json]: PathsQuery },
    success: {
      status: 200,
      description: "Nodes and edges by step, the highest counts first.",
      content: json,
      schema: PathsAnswer,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
  {
    method: "GET",
    path: "/v1/export/events",
    service: { subject: "svc.query.export_events", msMax: streamMsMax, stream: true },
    scope: "read",
    tag: "Queries",
    summary: "All raw events of a range, streamed",
    description:
      "Without a cap on rows, in constant memory. A stream that could not be completed ends without the final chunk.",
    // `accept_encoding` is what the edge adds from the header of that name.
    parameters: inQuery(ExportEventsParameters, ["accept_encoding"]),
    success: { status: 200, description: "The rows.", content: "application/x-ndjson" },
    errors: ["INVALID_PARAMETER"],
  },
  {
    method: "POST",
    path: "/v1/export/query",
    service: { subject: "svc.query.export_query", msMax: streamMsMax, stream: true },
    scope: "read",
    tag: "Queries",
    summary: "The answer of any query as rows, streamed",
    description:
      "A flat table for each kind: docs/guides/exports.md lists the columns. Lists of users come whole, page after page as fast as the client reads. A stream that could not be completed ends without the final chunk.",
    parameters: inQuery(ExportQueryParameters, ["accept_encoding"]),
    body: { [json]: ExportQuery },
    success: { status: 200, description: "The rows.", content: "application/x-ndjson" },
    errors: [
      "MALFORMED_JSON",
      "INVALID_QUERY",
      "QUERY_TOO_EXPENSIVE",
      "QUERY_LIMIT_EXCEEDED",
      "BODY_TOO_LARGE",
    ],
  },
];
