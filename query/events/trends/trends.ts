// svc.query.trends: the body of POST /v1/query/trends to its answer.
import { createQuery } from "../../answer-query.ts";
import { answerTrends } from "./answer.ts";
import { readTrendsRequest } from "./request.ts";

export const trends = createQuery({
  read: readTrendsRequest,
  answer: (request, run) => answerTrends(request, run),
});
