// svc.query.paths: the body of POST /v1/query/paths to its answer.
import { createQuery } from "../../answer-query.ts";
import { pathsSampling } from "../../sampling/paths-sampling.ts";
import { answerPaths } from "./answer.ts";
import { readPathsRequest } from "./request.ts";
import { scopeOfPaths } from "./scope.ts";

export const paths = createQuery({
  read: readPathsRequest,
  answer: (request, run) => answerPaths(request, run),
  sampling: pathsSampling,
  kept: { name: "paths", scopeOf: scopeOfPaths },
});
