// Every query that can be exported: how its answer becomes rows, and page after page where it is a list of users.
import type { ExportKind } from "#schemas/query/export-query.ts";
import type { Call } from "#streams/services.ts";
import { cohortUsers } from "./cohorts/cohort-users.ts";
import { readAnswer, readPages, type ExportedQuery, type ReadTables } from "./events/export/read-tables.ts";
import type { Table } from "./events/export/table.ts";
import { usersTable } from "./events/export/users-table.ts";
import { funnel } from "./events/funnel/funnel.ts";
import { funnelUsers } from "./events/funnel/funnel-users.ts";
import { funnelTable } from "./events/funnel/rows.ts";
import { lifecycle } from "./events/lifecycle/lifecycle.ts";
import { lifecycleTable } from "./events/lifecycle/rows.ts";
import { paths } from "./events/paths/paths.ts";
import { pathsTable } from "./events/paths/rows.ts";
import { retention } from "./events/retention/retention.ts";
import { retentionUsers } from "./events/retention/retention-users.ts";
import { retentionTable, retentionUsersTable } from "./events/retention/rows.ts";
import { stickiness } from "./events/stickiness/stickiness.ts";
import { stickinessTable } from "./events/stickiness/rows.ts";
import { trends } from "./events/trends/trends.ts";
import { trendsTable } from "./events/trends/rows.ts";
import type { QueryContext } from "./query-context.ts";

const cohortUsersOfPage = "1000";

export const exportTables: Readonly<Record<ExportKind, ReadTables>> = {
  trends: readAnswer(trends, trendsTable),
  funnel: readAnswer(funnel, funnelTable),
  funnel_users: readPages(funnelUsers, usersTable),
  retention: readAnswer(retention, retentionTable),
  retention_users: readPages(retentionUsers, retentionUsersTable),
  stickiness: readAnswer(stickiness, stickinessTable),
  lifecycle: readAnswer(lifecycle, lifecycleTable),
  paths: readAnswer(paths, pathsTable),
  cohort_users: readCohortUsers,
};

async function* readCohortUsers(
  context: QueryContext,
  query: ExportedQuery,
  call: Call,
): AsyncGenerator<Table> {
  let page: ExportedQuery = { ...query, limit: cohortUsersOfPage };
  for (;;) {
    const answer = await cohortUsers(context, Buffer.from(JSON.stringify(page)), call);
    yield usersTable(answer);
    if (answer.next === null) return;
    page = { ...page, cursor: answer.next };
  }
}
