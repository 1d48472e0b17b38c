// svc.query.funnel: the body of POST /v1/query/funnel to its answer.
import { createQuery } from "../../answer-query.ts";
import { answerFromDays } from "../funnel-days/answer.ts";
import { answerFunnel } from "./answer.ts";
import { readFunnelRequest } from "./request.ts";

export const funnel = createQuery({
  read: readFunnelRequest,
  answer: async (request, run, context) =>
    (await answerFromDays(request, run, context)) ?? (await answerFunnel(request, run, context.pool)),
});
