// Insights: saved queries and their results; dashboards: several of them in one answer.
import { Type, type TSchema } from "@sinclair/typebox";
import type { ErrorCode } from "../errors.ts";
import { Dashboard, DashboardResult, NewDashboard } from "../insights/dashboard.ts";
import { Insight, InsightResult, NewInsight, ResultParameters } from "../insights/insight.ts";
import { adminMsMax, anyObject, inPath, inQuery, json, queryMsMax, type Operation } from "./operation.ts";

const scope = ["read", "admin"] as const;
const id = inPath("id", "Id of the insight.");
const dashboardId = inPath("id", "Id of the dashboard.");
const bodyErrors = [
  "MALFORMED_JSON",
  "INVALID_ENCODING",
  "INVALID_BODY",
  "EMPTY_BODY",
  "BODY_TOO_LARGE",
] as const satisfies readonly ErrorCode[];
const resultParameters = inQuery(ResultParameters, ["id"]);

function content(status: number, description: string, schema: TSchema): Operation["success"] {
  return { status, description, content: json, schema };
}

export const insightsOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/insights",
    service: { subject: "svc.insights.create", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "Save a query under a name",
    description:
      "The query is checked as POST /v1/query/<kind> would; what it needs is kept up to date as events arrive.",
    body: { [json]: NewInsight },
    success: content(201, "The insight.", Insight),
    errors: [...bodyErrors, "INVALID_QUERY", "CONFLICT"],
  },
  {
    method: "GET",
    path: "/v1/insights",
    service: { subject: "svc.insights.list", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "List insights",
    success: content(200, "The oldest first.", Type.Object({ insights: Type.Array(Insight) })),
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/insights/{id}",
    service: { subject: "svc.insights.get", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "An insight and its query",
    parameters: [id],
    success: content(200, "The insight.", Insight),
    errors: ["INSIGHT_NOT_FOUND"],
  },
  {
    method: "PUT",
    path: "/v1/insights/{id}",
    service: { subject: "svc.insights.replace", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "Replace an insight, keeping its id",
    parameters: [id],
    body: { [json]: NewInsight },
    success: content(200, "The insight.", Insight),
    errors: [...bodyErrors, "INVALID_QUERY", "INSIGHT_NOT_FOUND"],
  },
  {
    method: "DELETE",
    path: "/v1/insights/{id}",
    service: { subject: "svc.insights.delete", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "Delete an insight",
    description: "Tiles of dashboards that name it say INSIGHT_NOT_FOUND afterwards.",
    parameters: [id],
    success: content(200, "It is gone.", anyObject),
    errors: ["INSIGHT_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/insights/{id}/result",
    service: { subject: "svc.query.insight_result", msMax: queryMsMax },
    scope,
    tag: "Insights",
    summary: "The answer of an insight",
    parameters: [id, ...resultParameters],
    success: content(200, "The answer of its kind of query.", InsightResult),
    errors: ["INSIGHT_NOT_FOUND", "INVALID_PARAMETER", "INVALID_QUERY", "QUERY_TOO_EXPENSIVE"],
  },
  {
    method: "POST",
    path: "/v1/dashboards",
    service: { subject: "svc.insights.create_dashboard", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "Create a dashboard",
    body: { [json]: NewDashboard },
    success: content(201, "The dashboard.", Dashboard),
    errors: [...bodyErrors, "CONFLICT"],
  },
  {
    method: "GET",
    path: "/v1/dashboards",
    service: { subject: "svc.insights.list_dashboards", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "List dashboards",
    success: content(200, "The oldest first.", Type.Object({ dashboards: Type.Array(Dashboard) })),
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/dashboards/{id}",
    service: { subject: "svc.insights.get_dashboard", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "A dashboard and its tiles",
    parameters: [dashboardId],
    success: content(200, "The dashboard.", Dashboard),
    errors: ["DASHBOARD_NOT_FOUND"],
  },
  {
    method: "PUT",
    path: "/v1/dashboards/{id}",
    service: { subject: "svc.insights.replace_dashboard", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "Replace a dashboard, keeping its id",
    parameters: [dashboardId],
    body: { [json]: NewDashboard },
    success: content(200, "The dashboard.", Dashboard),
    errors: [...bodyErrors, "DASHBOARD_NOT_FOUND"],
  },
  {
    method: "DELETE",
    path: "/v1/dashboards/{id}",
    service: { subject: "svc.insights.delete_dashboard", msMax: adminMsMax },
    scope,
    tag: "Insights",
    summary: "Delete a dashboard; its insights stay",
    parameters: [dashboardId],
    success: content(200, "It is gone.", anyObject),
    errors: ["DASHBOARD_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/dashboards/{id}/result",
    service: { subject: "svc.query.dashboard_result", msMax: queryMsMax, stream: true },
    scope,
    tag: "Insights",
    summary: "The answers of all tiles of a dashboard",
    description:
      "In one round trip; a tile that fails has `error` and the others their `result`. Tiles that ask the same are " +
      "answered once.",
    parameters: [dashboardId, ...resultParameters],
    success: content(200, "Tiles in their order.", DashboardResult),
    errors: ["DASHBOARD_NOT_FOUND", "INVALID_PARAMETER"],
  },
];
