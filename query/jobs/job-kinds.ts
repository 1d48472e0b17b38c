// The queries that can be answered in the background.
import type { JobKind } from "#schemas/jobs/job.ts";
import type { QueryKind, QueryRequest } from "../answer-query.ts";
import { funnel } from "../events/funnel/funnel.ts";
import { lifecycle } from "../events/lifecycle/lifecycle.ts";
import { paths } from "../events/paths/paths.ts";
import { retention } from "../events/retention/retention.ts";
import { stickiness } from "../events/stickiness/stickiness.ts";
import { trends } from "../events/trends/trends.ts";

export const kindsOfJobs: Readonly<Record<JobKind, QueryKind<QueryRequest, object>>> = {
  trends: trends.kind,
  funnel: funnel.kind,
  retention: retention.kind,
  stickiness: stickiness.kind,
  lifecycle: lifecycle.kind,
  paths: paths.kind,
};
