// /v1/query/jobs: queries that are answered in the background, however long they take.
import { Type, type Static } from "@sinclair/typebox";
import { oneOf } from "../query/one-of.ts";

const strict = { additionalProperties: false } as const;

export const jobLimits = {
  /** Of one project at once. */
  runningMax: 2,
  /** Of one project; more are refused. */
  waitingMax: 100,
  /** Exact answers that were begun for sampled ones, of one project; beyond that none is begun. */
  waitingOfSamplesMax: 20,
  listedMax: 100,
  /** Answers are kept that long, and then forgotten with their job. */
  keptDays: 7,
  /** One answer, as JSON. */
  resultBytesMax: 32 * 1024 * 1024,
  /** All answers of a project, compressed; beyond that the oldest are dropped. */
  resultsBytesMax: 256 * 1024 * 1024,
  /** Tries whose process died, or that failed on our side for no known reason. */
  attemptsMax: 5,
  /** How long a job is tried while stores are away or the project has no room. */
  triedHoursMax: 24,
} as const;

export const jobKinds = ["trends", "funnel", "retention", "stickiness", "lifecycle", "paths"] as const;
export type JobKind = (typeof jobKinds)[number];

export const jobStates = ["queued", "running", "done", "failed", "cancelled"] as const;
export type JobState = (typeof jobStates)[number];

export const NewJob = Type.Object(
  {
    kind: oneOf(jobKinds, "Which query."),
    query: Type.Record(Type.String(), Type.Unknown(), {
      description: "The body of POST /v1/query/<kind>. It is answered exactly, whatever its `accuracy` says.",
    }),
  },
  { ...strict, $id: "NewJob" },
);
export type NewJob = Static<typeof NewJob>;

/** What the query tier asks of the service `jobs` beside what a request may say. */
export type CreateJob = NewJob & { readonly origin?: "sample" };

const Time = Type.Union([Type.String({ format: "date-time" }), Type.Null()]);

export const JobSummary = Type.Object(
  {
    job_id: Type.String(),
    kind: oneOf(jobKinds),
    state: oneOf(jobStates),
    origin: oneOf(
      ["request", "sample"],
      "sample: the exact answer of a query that was answered from a sample.",
    ),
    progress: Type.Number({
      minimum: 0,
      maximum: 1,
      description: "Of the rows to read, as estimated; 1: done.",
    }),
    rows_read: Type.Integer(),
    attempts: Type.Integer({ description: "Tries begun; after a crash there is another one." }),
    created_at: Type.String({ format: "date-time" }),
    started_at: Time,
    finished_at: Time,
    expires_at: { ...Time, description: "When the answer is forgotten." },
    elapsed_ms: Type.Union([Type.Number(), Type.Null()], { description: "Of the last try, so far." }),
  },
  { $id: "JobSummary" },
);
export type JobSummary = Static<typeof JobSummary>;

export const Job = Type.Intersect(
  [
    JobSummary,
    Type.Object({
      query: Type.Record(Type.String(), Type.Unknown()),
      result: Type.Optional(Type.Unknown({ description: "The answer of the kind, when done." })),
      error: Type.Optional(
        Type.Object(
          { code: Type.String(), message: Type.String(), details: Type.Array(Type.Unknown()) },
          { description: "When failed." },
        ),
      ),
    }),
  ],
  { $id: "Job" },
);

/** What the workers ask of `svc.query.run_job`. */
export interface RunJob extends NewJob {
  readonly id: string;
  readonly attempt: number;
}

/** How the ids of a try's statements on the analytics store begin. */
export function statementPrefix(jobId: string, attempt: number): string {
  return `${jobId}-${attempt}-`;
}

export interface JobProgress {
  /** 0 to 1. */
  readonly progress: number;
  readonly rowsRead: number;
}
