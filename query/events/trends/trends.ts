// svc.query.trends: the body of POST /v1/query/trends to its answer.
import { createQuery } from "../../answer-query.ts";
import { loadPartials } from "../../partials/load-partials.ts";
import { answerTrends } from "./answer.ts";
import { wantedOfTrends } from "./plan.ts";
import { readTrendsRequest, type TrendsRequest } from "./request.ts";
import { scopeOfTrends } from "./scope.ts";

export const trends = createQuery({
  read: readTrendsRequest,
  answer: async (request, run, { postgres }) => {
    const partials = await loadPartials(run, postgres, wantedOfTrends(request), rangeOf(request));
    return answerTrends(request, run, { partials });
  },
  kept: { name: "trends", scopeOf: scopeOfTrends },
});

function rangeOf({ periods }: TrendsRequest): { fromMs: number; endMs: number } {
  return {
    fromMs: Math.min(...periods.map(({ fromMs }) => fromMs)),
    endMs: Math.max(...periods.map(({ endMs }) => endMs)),
  };
}
