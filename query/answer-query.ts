// From a request's bytes to an answer, the same for every kind of query: parse ▸ check ▸ load the people ▸ the answer
// that was kept, or in its turn and within its budget the statements of a new one ▸ add `meta`. What is wrong with a
// query is said before any store is asked.
import type { Meta } from "#schemas/query/meta.ts";
import type { Call } from "#streams/services.ts";
import type { Lane } from "./budget/fair-gate.ts";
import type { Expected } from "./budget/query-costs.ts";
import type { Made, ScopeRead } from "./cache/answers.ts";
import { nameQuestion, questionText, shapeOf } from "./cache/question.ts";
import { aroundSessions, userPropertiesOf, type ReadScope } from "./cache/read-scope.ts";
import { parseBody } from "./parse-body.ts";
import { loadPeople, type CohortUse } from "./people/people.ts";
import type { QueryContext } from "./query-context.ts";
import { answerSampled, type Sampling } from "./sampling/answer-sampled.ts";
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
  /** How it is answered when its rows are too many; absent: always from all of them. */
  readonly sampling?: Sampling<Request, Answer>;
  /**
   * Answers of this kind are kept under its name, for as long as the events of their scope are what they were. Absent:
   * they hold more than events and people, and are made each time.
   */
  readonly kept?: { readonly name: string; scopeOf(request: Request): ReadScope };
}

export interface AnswerOptions {
  /** Instead of what the query is expected to cost. */
  readonly lane?: Lane;
  /** Instead of what the project allows. */
  readonly secondsMax?: number;
  /** False: neither looks for a kept answer nor keeps this one. */
  readonly keep?: boolean;
}

export type Answered<Answer> = Answer & { meta: Meta; explain?: unknown };

/** A method of the service, which also says what it is made of: exports read the same queries in larger pages. */
export interface QueryMethod<Request extends QueryRequest, Answer extends object> {
  (context: QueryContext, payload: Uint8Array, call: Call): Promise<Answered<Answer>>;
  readonly kind: QueryKind<Request, Answer>;
}

/** What one run says of itself, which is kept with its answer. */
type About = Omit<Meta, "as_of" | "elapsed_ms" | "cache">;

const unknownCost: Expected = { shape: undefined, events: 0, rows: false };
/** Whose turn comes within this uses what was counted before it. */
const atOnceMsMax = 20;

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
  options: AnswerOptions = {},
): Promise<Answered<Answer>> {
  const startedMs = performance.now();
  const nowMs = Date.now();
  const { projectId, signal } = call;
  const request = kind.read(body, nowMs);
  // Before the data is read: what is included is at least this.
  const { cohortsUsed } = request;
  const [asOf, state, named] = await Promise.all([
    context.watermark.asOf(),
    context.answers.stateOf(projectId),
    cohortsUsed.length === 0 ? undefined : loadPeople(context.postgres, projectId, cohortsUsed),
  ]);
  const people = {
    ...(named ?? { merged: state.merged, cohorts: new Map<string, number>() }),
    sessionIdleMs: state.sessionIdleMs,
  };
  const { kept } = kind;
  const name =
    kept === undefined || request.explain || options.keep === false
      ? undefined
      : nameQuestion({
          kind: kept.name,
          projectId,
          body,
          nowMs,
          request,
          read: (ms) => kind.read(body, ms),
        });

  const compute = (
    waiting: AbortSignal,
    expected: Expected,
    read?: ScopeRead,
  ): Promise<Made<{ answer: Answer; about: About; explain?: unknown[] }>> => {
    const readMs = performance.now();
    return context.budgets.run(
      {
        projectId,
        limits: state.limits,
        store: context.store,
        signal: waiting,
        expected,
        ...options,
      },
      async (store, ending) => {
        // Anew where its turn came late.
        const known = performance.now() - readMs <= atOnceMsMax ? read : undefined;
        const included = known === undefined ? await context.watermark.asOf() : known.asOf;
        const run = new QueryRun({
          store,
          projectId,
          signal: ending,
          people,
          epoch: state.epoch,
          expiry: state.expiry,
          counted: known?.counted,
        });
        const rows = expected.rows ? expected.events : 0;
        const budget = { rowsExactMax: state.limits.rows_exact_max, rows };
        const answer = await answerSampled(kind, request, body, run, { ...context, store }, budget);
        // Months are said to be gone before the first of their rows goes.
        const after = await context.answers.stateOf(projectId);
        if (after.epoch !== state.epoch) run.checkAgain(after.expiry);
        const explained = request.explain ? { explain: await run.explain() } : {};
        return { value: { answer, about: describe(run), ...explained }, asOf: included };
      },
    );
  };

  // Not of what is made ahead, or in the background: nobody asked for it just now.
  if (name !== undefined && kept !== undefined && options.lane === undefined) {
    const inBackground: AnswerOptions = { ...options, lane: "background" };
    context.refreshAhead.note(questionText(kept.name, projectId, body), projectId, (ahead) =>
      answerQuery(kind, context, body, { projectId, signal: ahead }, inBackground),
    );
  }

  const scope = name === undefined || kept === undefined ? undefined : aroundSessions(kept.scopeOf(request));
  const found =
    name === undefined || scope === undefined
      ? { ...(await compute(signal, unknownCost)), cache: "none" as const }
      : await context.answers.find(
          {
            name,
            projectId,
            nowMs,
            scope,
            people,
            userProperties: userPropertiesOf(body),
            state,
            asOf,
            signal,
          },
          (waiting, read) => {
            const shape = shapeOf(kept?.name ?? "", projectId, body);
            return compute(waiting, { shape, events: read.events, rows: scope.rows }, read);
          },
        );
  const { answer, about, explain } = found.value;
  return {
    ...answer,
    meta: {
      as_of: found.asOf,
      elapsed_ms: Math.round((performance.now() - startedMs) * 10) / 10,
      ...about,
      // Of this request: an answer that was kept reads nothing.
      rows_read: found.cache === "hit" ? 0 : about.rows_read,
      cache: found.cache,
    },
    ...(explain === undefined ? {} : { explain }),
  };
}

function describe(run: QueryRun): About {
  return {
    source: run.source,
    rows_read: run.rowsRead,
    exact: run.exact,
    ...(run.notes.size === 0 ? {} : { notes: [...run.notes] }),
    ...run.sampled,
  };
}
