// svc.query.run_job: answers a query however long it takes. An empty line every second says that it is under way, then
// come the rows that were read and, as the last line, the answer. It ends when the caller leaves: a cancelled job costs
// nothing more.
import type { RunJob } from "#schemas/jobs/job.ts";
import type { Call, StreamSink } from "#streams/services.ts";
import { answerQuery } from "../answer-query.ts";
import type { QueryContext } from "../query-context.ts";
import { createJobStore, jobSecondsMax } from "./job-store.ts";
import { kindsOfJobs } from "./job-kinds.ts";

const aliveMs = 1_000;

export async function runJob(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
  sink: StreamSink,
): Promise<void> {
  // From our own workers, which had it checked.
  const job = JSON.parse(new TextDecoder().decode(payload)) as RunJob;
  const store = createJobStore(context.store, context.exportStore.clickhouse, job);
  const left = new AbortController();
  const signal = AbortSignal.any([call.signal, left.signal]);
  sink.start({ status: 200, headers: {} });
  let ended = false;
  const answering = answerQuery(
    kindsOfJobs[job.kind],
    { ...context, store },
    { ...job.query, accuracy: "exact" },
    { projectId: call.projectId, signal },
    { lane: "heavy", secondsMax: jobSecondsMax, keep: false },
  ).finally(() => (ended = true));
  // Waited for below, also when saying that it is under way fails first.
  answering.catch(() => undefined);
  try {
    for (;;) {
      await Promise.race([answering, new Promise((resolve) => setTimeout(resolve, aliveMs))]);
      if (ended) break;
      await sink.write(Buffer.from("\n"));
    }
  } catch (error) {
    left.abort();
    throw error;
  }
  const answer = await answering;
  await sink.write(Buffer.from(`${answer.meta.rows_read}\n${JSON.stringify(answer)}`));
}
