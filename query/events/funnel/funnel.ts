// svc.query.funnel: the body of POST /v1/query/funnel to its answer.
import { createQuery } from "../../answer-query.ts";
import { answerFunnel } from "./answer.ts";
import { readFunnelRequest } from "./request.ts";

export const funnel = createQuery({
  read: readFunnelRequest,
  answer: (request, run, context) => answerFunnel(request, run, context.pool),
});
