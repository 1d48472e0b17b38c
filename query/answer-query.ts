// From a request's bytes to an answer, the same for every kind of query: parse ▸ check ▸ load the people ▸ run its
// statements ▸ add `meta`. What is wrong with a query is said before any store is asked.
import type { Meta } from "#schemas/query/meta.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "./parse-body.ts";
import { loadPeople, type CohortUse } from "./people/people.ts";
import type { QueryContext } from "./query-context.ts";
import { QueryRun } from "./store/query-run.ts";

/** What every request says, beside what its kind needs. */
export interface QueryRequest {
  readonly cohortsUsed: readonly CohortUse[];
  readonly explain: boolean;
}

export interface QueryKind<Request extends QueryRequest, Answer extends object> {
  /** Fills in defaults; throws INVALID_QUERY with the path of every wrong field. */
  read(body: unknown, nowMs: number): Request;
  answer(request: Request, run: QueryRun, context: QueryContext): Promise<Answer>;
}

export type Answered<Answer> = Answer & { meta: Meta; explain?: unknown };

/** A method of the service, which also says what it is made of: exports read the same queries in larger pages. */
export interface QueryMethod<Request extends QueryRequest, Answer extends object> {
  (context: QueryContext, payload: Uint8Array, call: Call): Promise<Answered<Answer>>;
  readonly kind: QueryKind<Request, Answer>;
}

export function createQuery<Request extends QueryRequest, Answer extends object>(
  kind: QueryKind<Request, Answer>,
): QueryMethod<Request, Answer> {
  const method = (context: QueryContext, payload: Uint8Array, call: Call): Promise<Answered<Answer>> =>
    answerQuery(kind, context, parseBody(payload), call);
  return Object.assign(method, { kind });
}

export async function answerQuery<Request extends QueryRequest, Answer extends object>(
  kind: QueryKind<Request, Answer>,
  context: QueryContext,
  body: unknown,
  call: Pick<Call, "projectId" | "signal">,
): Promise<Answered<Answer>> {
  const startedMs = performance.now();
  const request = kind.read(body, Date.now());
  // Before the data is read: what is included is at least this.
  const [asOf, people] = await Promise.all([
    context.watermark.asOf(),
    loadPeople(context.postgres, call.projectId, request.cohortsUsed),
  ]);
  const run = new QueryRun({
    store: context.store,
    projectId: call.projectId,
    signal: call.signal,
    people,
  });
  const answer = await kind.answer(request, run, context);
  return {
    ...answer,
    meta: {
      as_of: asOf,
      elapsed_ms: Math.round((performance.now() - startedMs) * 10) / 10,
      source: run.source,
      rows_read: run.rowsRead,
      cache: "none",
      exact: run.exact,
      ...(run.exact ? {} : { notes: [...run.notes] }),
    },
    ...(request.explain ? { explain: await run.explain() } : {}),
  };
}
