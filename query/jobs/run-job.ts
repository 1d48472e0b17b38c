// svc.query.run_job: answers a query however long it takes. Lines of progress, one a second, then the answer as the
// last line. It ends when the caller leaves: a cancelled job costs nothing more.
import type { JobKind, JobProgress } from "#schemas/jobs/job.ts";
import type { Call, StreamSink } from "#streams/services.ts";
import { answerQuery } from "../answer-query.ts";
import type { QueryContext } from "../query-context.ts";
import { JobStatements, jobSecondsMax } from "./job-store.ts";
import { kindsOfJobs } from "./job-kinds.ts";

const progressMs = 1_000;
/** Until it is done nobody knows exactly how much there was to do. */
const progressMax = 0.99;

export async function runJob(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
  sink: StreamSink,
): Promise<void> {
  // From our own workers, which had it checked.
  const { id, kind, query } = JSON.parse(new TextDecoder().decode(payload)) as {
    id: string;
    kind: JobKind;
    query: object;
  };
  const statements = new JobStatements(context.store, context.exportStore.clickhouse, id);
  const left = new AbortController();
  const signal = AbortSignal.any([call.signal, left.signal]);
  sink.start({ status: 200, headers: {} });
  let ended = false;
  const answering = answerQuery(
    kindsOfJobs[kind],
    { ...context, store: statements.store },
    { ...query, accuracy: "exact" },
    { projectId: call.projectId, signal },
    { lane: "background", secondsMax: jobSecondsMax, keep: false },
  ).finally(() => (ended = true));
  // Waited for below, also when saying how far it is fails first.
  answering.catch(() => undefined);
  try {
    let progress = 0;
    for (;;) {
      await Promise.race([answering, new Promise((resolve) => setTimeout(resolve, progressMs))]);
      if (ended) break;
      // Only describes; the answer does not wait for it.
      await statements.look().catch(() => undefined);
      const { rowsRead, rowsExpected } = statements;
      progress = Math.max(progress, rowsExpected === 0 ? 0 : Math.min(progressMax, rowsRead / rowsExpected));
      await writeLine(sink, { progress, rowsRead });
    }
  } catch (error) {
    left.abort();
    throw error;
  }
  const answer = await answering;
  await writeLine(sink, { progress: 1, rowsRead: answer.meta.rows_read });
  await sink.write(Buffer.from(JSON.stringify(answer)));
}

async function writeLine(sink: StreamSink, progress: JobProgress): Promise<void> {
  await sink.write(Buffer.from(`${JSON.stringify(progress)}\n`));
}
