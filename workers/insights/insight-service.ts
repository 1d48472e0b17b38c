// The service `insights`: makes, lists, shows, replaces and deletes insights and dashboards. Their results are
// answered by the query tier.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import type { CheckedInsight, InsightShape } from "#schemas/insights/insight.ts";
import { selectorsOf } from "#schemas/selectors/selectors-of.ts";
import { readMember } from "#schemas/operations/read-body.ts";
import { callService } from "#streams/call-service.ts";
import { serve, type Call } from "#streams/services.ts";
import { registerSelectors } from "../partials/register-selectors.ts";
import type { DashboardStore } from "./dashboard-store.ts";
import { keepFunnel } from "./funnel-ledger.ts";
import type { InsightStore, OnChange } from "./insight-store.ts";
import { readDashboard, readInsight } from "./read-body.ts";

/** Checking reads next to nothing. */
const checkMsMax = 10_000;

export function serveInsights(options: {
  connection: NatsConnection;
  insights: InsightStore;
  dashboards: DashboardStore;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, insights, dashboards, log } = options;

  /** Throws INVALID_QUERY with paths inside `query`. */
  const check = async (insight: InsightShape, call: Call): Promise<CheckedInsight> => {
    const { kind, query, range } = insight;
    const { requestId, traceparent, projectId } = call;
    const checked = await callService(
      connection,
      "svc.query.check_insight",
      { kind, query, range },
      { requestId, traceparent, projectId, timeoutMs: checkMsMax },
    );
    return checked as CheckedInsight;
  };

  const idOf = (call: Call): string => String(call.parameters["id"]);
  /** What answers it fast is kept up to date from now on, and nothing for what it was before. */
  const keep =
    (projectId: number, insight: InsightShape, funnel: CheckedInsight["funnel"]): OnChange =>
    async (client, { id, publicId }) => {
      await keepFunnel(client, { projectId, insightId: id, funnel });
      await registerSelectors(
        client,
        projectId,
        originOf(publicId),
        selectorsOf(insight.kind, insight.query),
      );
    };
  const forget =
    (projectId: number): OnChange =>
    async (client, { publicId }) => {
      await registerSelectors(client, projectId, originOf(publicId), []);
    };

  return serve(connection, {
    service: "insights",
    log,
    methods: {
      create: async (payload, call) => {
        const insight = readInsight(payload);
        const { funnel } = await check(insight, call);
        return insights.create(call.projectId, insight, keep(call.projectId, insight, funnel));
      },
      replace: async (payload, call) => {
        const insight = readInsight(payload);
        const { funnel } = await check(insight, call);
        return insights.replace(call.projectId, idOf(call), insight, keep(call.projectId, insight, funnel));
      },
      list: async (_payload, call) => ({ insights: await insights.list(call.projectId) }),
      get: (payload, call) => insights.find(call.projectId, readMember(payload, "id")),
      delete: async (payload, call) => {
        const id = readMember(payload, "id");
        await insights.delete(call.projectId, id, forget(call.projectId));
        return { id, deleted: true };
      },
      create_dashboard: (payload, call) => dashboards.create(call.projectId, readDashboard(payload)),
      replace_dashboard: (payload, call) =>
        dashboards.replace(call.projectId, idOf(call), readDashboard(payload)),
      list_dashboards: async (_payload, call) => ({ dashboards: await dashboards.list(call.projectId) }),
      get_dashboard: (payload, call) => dashboards.find(call.projectId, readMember(payload, "id")),
      delete_dashboard: async (payload, call) => {
        const id = readMember(payload, "id");
        await dashboards.delete(call.projectId, id);
        return { id, deleted: true };
      },
    },
  });
}

/** Who wants the selectors of an insight. */
function originOf(publicId: string): string {
  return `insight:${publicId}`;
}
