// Queries over the events of a project, and exports.
import { ExportEventsParameters } from "../query/export.ts";
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
    errors: ["MALFORMED_JSON", "INVALID_QUERY", "QUERY_TOO_EXPENSIVE", "BODY_TOO_LARGE"],
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
];
