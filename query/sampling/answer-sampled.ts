// Answers a query from all rows, or, when they are more than may be read, from those of a sample of people: decides ▸
// narrows the query to the sample ▸ scales ▸ begins the exact answer in the background.
import type { JobKind } from "#schemas/jobs/job.ts";
import type { Accuracy } from "#schemas/query/range.ts";
import { callService } from "#streams/call-service.ts";
import { daysOf, sumOf } from "../day-counts/count-days.ts";
import type { QueryContext } from "../query-context.ts";
import type { QueryRun } from "../store/query-run.ts";
import { confidence, CountBounds } from "./bounds.ts";
import { rateOf, sampleOf } from "../people/sample.ts";
import { scaleAnswer, type BoundsOf } from "./scale-answer.ts";

/** What is read of a sample, and below what nothing is gained by one. */
const rowsWanted = 2_000_000;
/** A question of `fast` is answered exactly up to so many rows. */
const rowsFastMax = 5_000_000;
/** Up to so many, what is in memory is answered in the time that a sample takes; whoever asks for `fast` gets that beyond. */
const rowsQuickMax = 100_000_000;
const jobMsMax = 1_000;

/** Rows that an exact answer reads. */
export interface RowsRead {
  /** Undefined: of any name. */
  readonly events: readonly string[] | undefined;
  readonly fromMs: number;
  readonly endMs: number;
}

/** How a kind of query is answered from a sample. */
export interface Sampling<Request, Answer> {
  readonly kind: JobKind;
  /** Undefined: sets and counts that are kept answer this, or people are not all that it counts. */
  rowsOf(request: Request): RowsRead | undefined;
  /** The exact answer, if there is a way to it that needs no sample. */
  quick?(request: Request, run: QueryRun, context: QueryContext): Promise<Answer | undefined>;
  /** Members of the answer that count people, each person once at most. */
  readonly counts: ReadonlySet<string>;
  /** `answer` is that of the sample, before it is scaled. */
  moreBounds?(answer: Answer, bounds: BoundsOf): BoundsOf;
}

interface Sampled<Request, Answer> {
  readonly sampling?: Sampling<Request, Answer>;
  answer(request: Request, run: QueryRun, context: QueryContext): Promise<Answer>;
}

export async function answerSampled<Request, Answer extends object>(
  kind: Sampled<Request, Answer>,
  request: Request,
  body: unknown,
  run: QueryRun,
  context: QueryContext,
  budget: {
    readonly rowsExactMax: number;
    /** At most so many are read; 0: not known. */
    readonly rows: number;
  },
): Promise<Answer> {
  const { sampling } = kind;
  const accuracy = (body as { accuracy?: Accuracy }).accuracy ?? "auto";
  const read = accuracy === "exact" ? undefined : sampling?.rowsOf(request);
  if (sampling === undefined || read === undefined) return kind.answer(request, run, context);
  const rowsMax = accuracy === "fast" ? rowsFastMax : budget.rowsExactMax;
  const isFew = budget.rows > 0 && budget.rows <= rowsMax;
  const rows = isFew ? budget.rows : await countRows(run, read);
  if (rows <= rowsMax) return kind.answer(request, run, context);
  const isQuick = accuracy !== "fast" || rows <= rowsQuickMax;
  const quick = isQuick ? await sampling.quick?.(request, run, context) : undefined;
  if (quick !== undefined) return quick;

  const sample = sampleOf(rows, rowsWanted);
  const rate = rateOf(sample);
  run.narrow(sample);
  const [answer, jobId] = await Promise.all([
    kind.answer(request, run, context),
    // Who asks for a fast answer does not want another one.
    accuracy === "auto" ? beginExact(sampling.kind, body, run, context) : undefined,
  ]);
  const scaled = scaleAnswer(answer, sampling.counts, new CountBounds(rate));
  const bounds = sampling.moreBounds?.(answer, scaled.bounds) ?? scaled.bounds;
  run.sampled = {
    sample: { rate, users: scaled.users },
    error_bound: { confidence, ...bounds },
    ...(jobId === undefined ? {} : { job_id: jobId }),
  };
  return scaled.answer;
}

/** By whole days, so at least as many as are read. */
async function countRows(run: QueryRun, { events, fromMs, endMs }: RowsRead): Promise<number> {
  return sumOf(await run.dayCounts({ events: events ?? [null], ...daysOf({ fromMs, endMs }) }));
}

/** Undefined when none was begun: the answer of the sample does not depend on it. */
async function beginExact(
  kind: JobKind,
  body: unknown,
  run: QueryRun,
  { connection, log }: QueryContext,
): Promise<string | undefined> {
  const { accuracy: _, explain: __, ...query } = body as Record<string, unknown>;
  try {
    const job = (await callService(
      connection,
      "svc.jobs.create_exact",
      { kind, query },
      { requestId: "sample", projectId: run.projectId, timeoutMs: jobMsMax },
    )) as { job_id: string } | null;
    return job?.job_id;
  } catch (error) {
    log.warn({ err: error }, "the exact answer of a sampled one could not be begun");
    return undefined;
  }
}
