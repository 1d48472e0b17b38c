// svc.query.funnel: the body of POST /v1/query/funnel to its answer.
import { createQuery } from "../../answer-query.ts";
import { funnelSampling } from "../../sampling/funnel-sampling.ts";
import { answerFromDays } from "../funnel-days/answer.ts";
import { answerFunnel, answerResident } from "./answer.ts";
import { readFunnelRequest } from "./request.ts";
import { scopeOfFunnel } from "./scope.ts";

export const funnel = createQuery({
  read: readFunnelRequest,
  answer: async (request, run, context) => {
    // What is kept holds everybody.
    const kept = run.people.sample === undefined ? await answerFromDays(request, run, context) : undefined;
    return kept ?? (await answerFunnel(request, run, context.pool, { columns: context.stepColumns }));
  },
  sampling: {
    ...funnelSampling,
    quick: async (request, run, context) =>
      (await answerFromDays(request, run, context)) ??
      (await answerResident(request, run, context.pool, context.stepColumns)),
  },
  kept: { name: "funnel", scopeOf: scopeOfFunnel },
});
