// Every operation of the public interface. The edge's routes come from this table, and so does GET /openapi.json.
import { administrationOperations } from "./administration.ts";
import { alertsOperations } from "./alerts.ts";
import { catalogueOperations } from "./catalogue.ts";
import { cohortsOperations } from "./cohorts.ts";
import { dimensionsOperations } from "./dimensions.ts";
import { healthOperations } from "./health.ts";
import { ingestionOperations } from "./ingestion.ts";
import { insightsOperations } from "./insights.ts";
import { jobsOperations } from "./jobs.ts";
import { linkClicksOperations } from "./link-clicks.ts";
import { linksOperations } from "./links.ts";
import { liveOperations } from "./live.ts";
import type { Operation } from "./operation.ts";
import { plansOperations } from "./plans.ts";
import { queriesOperations } from "./queries.ts";
import { redirectsOperations } from "./redirects.ts";
import { retentionOperations } from "./retention.ts";
import { sdkOperations } from "./sdk.ts";
import { uploadsOperations } from "./uploads.ts";
import { usersOperations } from "./users.ts";

export const operations: readonly Operation[] = [
  ...ingestionOperations,
  ...uploadsOperations,
  ...liveOperations,
  ...sdkOperations,
  ...queriesOperations,
  ...jobsOperations,
  ...insightsOperations,
  ...cohortsOperations,
  ...alertsOperations,
  ...plansOperations,
  ...catalogueOperations,
  ...usersOperations,
  ...linksOperations,
  ...linkClicksOperations,
  ...administrationOperations,
  ...retentionOperations,
  ...dimensionsOperations,
  ...healthOperations,
  ...redirectsOperations,
];

/** Throws for what there is not: a mistake in the program. */
export function findOperation(method: Operation["method"], path: string): Operation {
  const found = operations.find((operation) => operation.method === method && operation.path === path);
  if (found === undefined) throw new Error(`there is no operation ${method} ${path}`);
  return found;
}
