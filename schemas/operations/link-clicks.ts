// What becomes of links: statistics, and clicks as they are stored.
import { LinkClicksParameters } from "../links/link-clicks.ts";
import { LinkStats, LinkStatsParameters } from "../links/link-stats.ts";
import { inPath, inQuery, json, queryMsMax, type Operation } from "./operation.ts";

const code = inPath("code", "Code or alias of the link.");

export const linkClicksOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/v1/links/{code}/stats",
    service: { subject: "svc.query.link_stats", msMax: queryMsMax },
    scope: ["read", "links", "admin"],
    tag: "Links",
    summary: "Statistics of a link",
    description:
      "Clicks by people over the range, altogether, by interval, and by what is known of them; the values of every " +
      "dimension, with `other`, add up to `clicks`. Bots and previews are counted apart and are in no dimension. " +
      "Everything acknowledged up to `meta.as_of` is counted.",
    parameters: [code, ...inQuery(LinkStatsParameters, ["code"])],
    success: { status: 200, description: "The statistics.", content: json, schema: LinkStats },
    errors: ["LINK_NOT_FOUND", "INVALID_PARAMETER", "QUERY_TOO_EXPENSIVE", "QUERY_LIMIT_EXCEEDED"],
  },
  {
    method: "GET",
    path: "/v1/links/{code}/clicks",
    cors: "any",
    scope: "read",
    tag: "Links",
    summary: "Clicks of a link as they are stored",
    description:
      "Server-sent events as of `GET /v1/live`: one `event` for each click by people, with its properties; `all=true` " +
      "also gives bots and previews. The key is taken from the header or from `key`.",
    parameters: [code, ...inQuery(LinkClicksParameters, ["code"])],
    success: { status: 200, description: "The stream.", content: "text/event-stream" },
    errors: [
      "LINK_NOT_FOUND",
      "INVALID_QUERY",
      "INVALID_PARAMETER",
      "TOO_MANY_LISTENERS",
      "LISTENER_TOO_SLOW",
      "SHUTTING_DOWN",
    ],
  },
];
