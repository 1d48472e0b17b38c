// What the test of isolation sends to each operation: ids of the other project's things, and bodies that are right.
import type { Operation } from "#schemas/operations/operation.ts";

/** Names that anybody could guess: they are the same in both projects. */
export const shared = {
  event: "order_placed",
  user: "customer-1",
  eventId: "order-1",
  code: "shared1",
} as const;

const trends = {
  series: [{ event: null, math: "total" }],
  from: "2020-01-01",
  to: "2035-01-01",
  interval: "month",
};
const funnel = {
  steps: [{ event: shared.event }, { event: shared.event }],
  window_seconds: 3600,
  from: "2020-01-01",
  to: "2035-01-01",
};
const retention = {
  target: { event: shared.event },
  returning: { event: shared.event },
  period: "day",
  periods: 3,
  from: "2020-01-01",
};
const activity = { event: shared.event, from: "2026-01-01", to: "2026-01-31", interval: "day" };
const alert = {
  query: { series: [{ event: shared.event, math: "total" }], interval: "hour" },
  rule: { type: "threshold", operator: "gt", value: 1_000_000 },
  destinations: [{ type: "webhook", url: "http://127.0.0.1:9/" }],
};

const insight = (name: string): object => ({
  name,
  kind: "trends",
  range: { days: 30 },
  query: { series: trends.series, interval: "day" },
});

/** Bodies of operations that need one, by method and path; `{}` for those that are not named. */
export function bodiesOf(marker: string): Readonly<Record<string, unknown>> {
  return {
    "POST /v1/events": [{ event: shared.event, user_id: shared.user }],
    "POST /v1/query/trends": trends,
    "POST /v1/query/funnel": funnel,
    "POST /v1/query/funnel/users": { ...funnel, step: 0 },
    "POST /v1/query/retention": retention,
    "POST /v1/query/retention/users": { ...retention, row: 0 },
    "POST /v1/query/stickiness": activity,
    "POST /v1/query/lifecycle": activity,
    "POST /v1/query/paths": { anchor: { event: shared.event }, from: activity.from, to: activity.to },
    "POST /v1/query/jobs": { kind: "trends", query: trends },
    "POST /v1/export/query": { kind: "trends", query: trends },
    "POST /v1/cohorts": {
      name: marker,
      ids: [shared.user],
    },
    "POST /v1/insights": insight(marker),
    "POST /v1/dashboards": { name: marker, insights: [] },
    "POST /v1/alerts": { name: marker, ...alert },
    "PUT /v1/alerts/{id}": { name: marker, ...alert },
    "PUT /v1/insights/{id}": insight(marker),
    "PUT /v1/dashboards/{id}": { name: marker, insights: [] },
    "POST /v1/links": { url: `https://example.com/${marker}`, alias: shared.code },
    "POST /v1/users/{id}/merge": { ids: ["customer-2"] },
    "POST /v1/users/{id}/unmerge": { ids: ["customer-2"] },
    "PUT /v1/schemas/{event}": { mode: "observe", schema: { type: "object" }, description: marker },
    "POST /v1/projects": { name: marker },
    "POST /v1/projects/{id}/keys": { scopes: ["read"], name: marker },
    "PATCH /v1/projects/{id}": { name: marker },
  };
}

/** Operations whose answer makes something that others are asked for by its id: the beginning of their addresses. */
export const makers: readonly {
  readonly make: string;
  readonly prefix: string;
  readonly parameter: string;
  readonly answer: string;
}[] = [
  { make: "POST /v1/cohorts", prefix: "/v1/cohorts/", parameter: "id", answer: "id" },
  { make: "POST /v1/insights", prefix: "/v1/insights/", parameter: "id", answer: "id" },
  { make: "POST /v1/dashboards", prefix: "/v1/dashboards/", parameter: "id", answer: "id" },
  { make: "POST /v1/alerts", prefix: "/v1/alerts/", parameter: "id", answer: "id" },
  { make: "POST /v1/query/jobs", prefix: "/v1/query/jobs/", parameter: "job_id", answer: "job_id" },
  { make: "POST /v1/uploads", prefix: "/v1/uploads/", parameter: "upload_id", answer: "upload_id" },
  { make: "POST /v1/projects/{id}/keys", prefix: "/v1/projects/", parameter: "key", answer: "id" },
  { make: "POST /v1/links", prefix: "/v1/links/", parameter: "code", answer: "code" },
];

/** Things that have the name they were given. */
export const named: readonly {
  readonly prefix: string;
  readonly parameter: string;
  readonly value: string;
}[] = [
  { prefix: "/v1/events/", parameter: "event_id", value: shared.eventId },
  { prefix: "/v1/users/", parameter: "id", value: shared.user },
  { prefix: "/v1/schemas/", parameter: "event", value: shared.event },
  { prefix: "/v1/links/", parameter: "code", value: shared.code },
];

export function nameOf(operation: Pick<Operation, "method" | "path">): string {
  return `${operation.method} ${operation.path}`;
}
