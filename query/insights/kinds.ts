// The kinds of queries that can be saved, by name.
import type { InsightKind } from "#schemas/insights/insight.ts";
import type { Meta } from "#schemas/query/meta.ts";
import type { Call } from "#streams/services.ts";
import { answerQuery, type QueryMethod, type QueryRequest } from "../answer-query.ts";
import { funnel } from "../events/funnel/funnel.ts";
import { lifecycle } from "../events/lifecycle/lifecycle.ts";
import { paths } from "../events/paths/paths.ts";
import { retention } from "../events/retention/retention.ts";
import { stickiness } from "../events/stickiness/stickiness.ts";
import { trends } from "../events/trends/trends.ts";
import type { QueryContext } from "../query-context.ts";

export interface SavableKind {
  read(query: unknown, nowMs: number): QueryRequest;
  answer(context: QueryContext, query: object, call: Call): Promise<{ readonly meta: Meta }>;
}

export const savableKinds: Readonly<Record<InsightKind, SavableKind>> = {
  trends: savable(trends),
  funnel: savable(funnel),
  retention: savable(retention),
  stickiness: savable(stickiness),
  lifecycle: savable(lifecycle),
  paths: savable(paths),
};

function savable<Request extends QueryRequest, Answer extends object>({
  kind,
}: Pick<QueryMethod<Request, Answer>, "kind">): SavableKind {
  return {
    read: (query, nowMs) => kind.read(query, nowMs),
    answer: (context, query, call) => answerQuery(kind, context, query, call),
  };
}
