// svc.query.paths: the body of POST /v1/query/paths to its answer.
import { createQuery } from "../../answer-query.ts";
import { answerPaths } from "./answer.ts";
import { readPathsRequest } from "./request.ts";

export const paths = createQuery({
  read: readPathsRequest,
  answer: (request, run) => answerPaths(request, run),
});
