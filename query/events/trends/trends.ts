// svc.query.trends: the body of POST /v1/query/trends to its answer.
import { createQuery } from "../../answer-query.ts";
import { answerWithPartials, type AskedEvents } from "../../partials/answer-with-partials.ts";
import { answerTrends } from "./answer.ts";
import { wantedOfTrends } from "./plan.ts";
import { readTrendsRequest, type TrendsRequest } from "./request.ts";
import { scopeOfTrends } from "./scope.ts";

export const trends = createQuery({
  read: readTrendsRequest,
  answer: (request, run, context) =>
    answerWithPartials(run, context, askedOf(request), (partials) =>
      answerTrends(request, run, { partials }),
    ),
  kept: { name: "trends", scopeOf: scopeOfTrends },
});

function askedOf(request: TrendsRequest): AskedEvents {
  const { periods } = request;
  return {
    wanted: wantedOfTrends(request),
    fromMs: Math.min(...periods.map(({ fromMs }) => fromMs)),
    endMs: Math.max(...periods.map(({ endMs }) => endMs)),
    boundsMs: periods[0]?.buckets.startsMs ?? [],
  };
}
