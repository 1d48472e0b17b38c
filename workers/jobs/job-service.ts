// The service `jobs`: takes queries for the background, lists, shows and cancels them.
import { gunzip } from "node:zlib";
import { promisify } from "node:util";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { jobLimits, type CreateJob } from "#schemas/jobs/job.ts";
import { parseJson, readMember } from "#schemas/operations/read-body.ts";
import { callService } from "#streams/call-service.ts";
import { serve, type Call } from "#streams/services.ts";
import type { JobRunner } from "./job-runner.ts";
import type { JobStore } from "./job-store.ts";

const checkMsMax = 10_000;
const decompress = promisify(gunzip);

export function serveJobs(options: {
  connection: NatsConnection;
  store: JobStore;
  runner: JobRunner;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, store, runner } = options;

  /** The query tier knows what a query may say: wrong ones are refused here, not when they run. */
  const check = async (payload: Uint8Array, call: Call): Promise<CreateJob> =>
    (await callService(connection, "svc.query.check_job", payload, {
      requestId: call.requestId,
      traceparent: call.traceparent,
      projectId: call.projectId,
      timeoutMs: checkMsMax,
    })) as CreateJob;

  return serve(connection, {
    service: "jobs",
    log: options.log,
    methods: {
      create: async (payload, call) => {
        const created = await store.create(call.projectId, await check(payload, call));
        runner.wake();
        return created;
      },
      // Called by the query tier, with a query that it has read itself; null when no job was begun.
      create_exact: async (payload, call) => {
        const job = parseJson(payload) as CreateJob;
        const created = await store.create(call.projectId, { ...job, origin: "sample" });
        runner.wake();
        return created;
      },
      list: async (_payload, call) => ({ jobs: await store.list(call.projectId) }),
      cancel: (payload, call) => store.cancel(call.projectId, idOf(payload)),
    },
    streams: {
      // An answer may be larger than one message of the log's server.
      get: async (payload, call, sink) => {
        const { summary, query, error, result } = await store.find(call.projectId, idOf(payload));
        const answer = result === null ? undefined : await readResult(result);
        sink.start({ status: 200, headers: { "Content-Type": "application/json" } });
        const head = JSON.stringify({ ...summary, query, ...(error === null ? {} : { error }) });
        if (answer === undefined) {
          await sink.write(Buffer.from(head));
          return;
        }
        await sink.write(Buffer.from(`${head.slice(0, -1)},"result":`));
        await sink.write(answer);
        await sink.write(Buffer.from("}"));
      },
    },
  });
}

async function readResult(result: Buffer): Promise<Buffer> {
  return decompress(result, { maxOutputLength: jobLimits.resultBytesMax });
}

function idOf(payload: Uint8Array): string {
  return readMember(payload, "job_id");
}
