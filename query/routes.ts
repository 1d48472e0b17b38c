// Every method of the query service, in one table: svc.query.<name>.
import type { Call, Handler, StreamHandler, StreamSink } from "#streams/services.ts";
import { MillraceError } from "#schemas/errors.ts";
import { cohortStatement } from "./cohorts/cohort-statement.ts";
import { cohortUsers } from "./cohorts/cohort-users.ts";
import { eventNames } from "./catalogue/event-names.ts";
import { properties } from "./catalogue/properties.ts";
import { propertyValues } from "./catalogue/property-values.ts";
import { exportEvents } from "./events/export/export-events.ts";
import { createExportQuery } from "./events/export/export-query.ts";
import { makeFunnelDays } from "./events/funnel-days/make-days.ts";
import { funnelUsers } from "./events/funnel/funnel-users.ts";
import { funnel } from "./events/funnel/funnel.ts";
import { lifecycle } from "./events/lifecycle/lifecycle.ts";
import { paths } from "./events/paths/paths.ts";
import { receipt } from "./events/receipt/receipt.ts";
import { retention } from "./events/retention/retention.ts";
import { retentionUsers } from "./events/retention/retention-users.ts";
import { stickiness } from "./events/stickiness/stickiness.ts";
import { trends } from "./events/trends/trends.ts";
import { exportTables } from "./export-kinds.ts";
import { checkInsight } from "./insights/check-insight.ts";
import { dashboardResult } from "./insights/dashboard-result.ts";
import { insightResult } from "./insights/insight-result.ts";
import { checkJob } from "./jobs/check-job.ts";
import { runJob } from "./jobs/run-job.ts";
import { linkStats } from "./links/stats.ts";
import { selectorStatement } from "./partials/selector-statement.ts";
import { quarantine, quarantinedPayloads } from "./quarantine/list-quarantine.ts";
import type { QueryContext } from "./query-context.ts";
import { describeSystem } from "./system/system.ts";

type Method = (context: QueryContext, payload: Uint8Array, call: Call) => Promise<unknown>;

type StreamMethod = (
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
  sink: StreamSink,
) => Promise<void>;

const methods: Readonly<Record<string, Method>> = {
  trends,
  funnel,
  funnel_users: funnelUsers,
  retention,
  retention_users: retentionUsers,
  stickiness,
  lifecycle,
  paths,
  check_job: checkJob,
  receipt,
  check_insight: checkInsight,
  insight_result: insightResult,
  cohort_statement: cohortStatement,
  cohort_users: cohortUsers,
  selector_statement: selectorStatement,
  event_names: eventNames,
  properties,
  property_values: propertyValues,
  quarantine,
  quarantined_payloads: quarantinedPayloads,
  link_stats: linkStats,
  system: describeSystem,
};
const streams: Readonly<Record<string, StreamMethod>> = {
  dashboard_result: dashboardResult,
  funnel_days: makeFunnelDays,
  export_events: exportEvents,
  export_query: createExportQuery(exportTables),
  run_job: runJob,
};

/** Room for headers beside the answer in one message. */
const headerBytes = 4096;

export function buildMethods(context: QueryContext): Record<string, Handler> {
  return Object.fromEntries(
    Object.entries(methods).map(([kind, method]): [string, Handler] => [
      kind,
      measured(context, kind, async (payload, call) => {
        const answer = Buffer.from(JSON.stringify(await method(context, payload, call)));
        if (answer.length > context.answerBytesMax() - headerBytes) {
          throw new MillraceError("QUERY_TOO_EXPENSIVE", {
            message: `The answer has ${answer.length} bytes, more than one message of the log's server may hold; ask for fewer series, buckets or breakdown values.`,
          });
        }
        return answer;
      }),
    ]),
  );
}

export function buildStreams(context: QueryContext): Record<string, StreamHandler> {
  return Object.fromEntries(
    Object.entries(streams).map(([kind, method]): [string, StreamHandler] => [
      kind,
      measured(context, kind, (payload, call, sink) => method(context, payload, call, sink)),
    ]),
  );
}

/** Counts and times a method, whatever its outcome. */
function measured<A extends unknown[], R>(
  context: QueryContext,
  kind: string,
  method: (...parameters: A) => Promise<R>,
): (...parameters: A) => Promise<R> {
  return async (...parameters) => {
    const end = context.store.metrics.querySeconds.startTimer({ kind });
    try {
      return await method(...parameters);
    } catch (error) {
      const code = error instanceof MillraceError ? error.code : "INTERNAL";
      context.store.metrics.queryErrors.inc({ kind, code });
      throw error;
    } finally {
      end();
    }
  };
}
