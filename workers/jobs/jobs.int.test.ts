// Jobs over a process of the query tier: what they answer is what the query itself answers.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { JobKind } from "#schemas/jobs/job.ts";
import { callService, callStream } from "#streams/call-service.ts";
import { startQueryProcess } from "../testing/query-process.ts";
import { startBed, type Bed } from "../testing/worker-processes.ts";
import { JobLedger } from "./job-ledger.ts";
import { JobRunner } from "./job-runner.ts";
import { serveJobs } from "./job-service.ts";
import { JobStore } from "./job-store.ts";
import { createJobMetrics } from "./metrics.ts";

let bed: Bed;
let projectId: number;
const stops: (() => Promise<void> | void)[] = [];
const range = { from: "2026-10-01", to: "2026-10-31" };

beforeAll(async () => {
  bed = await startBed();
  stops.push(() => bed.close());
  const { connection, postgres, clickhouse, log } = bed;
  const { rows } = await postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ('p', 'p') RETURNING id",
  );
  projectId = rows[0]?.id as number;
  await bed.clickhouse.command({
    query: `INSERT INTO events (project_id, event, user_number, event_id, timestamp, properties, received_at)
      SELECT ${projectId}, if(number % 3 = 0, 'buy', 'view'), number % 1000, toString(number),
        toDateTime64('2026-10-01 00:00:00', 3, 'UTC') + number * 60, '{}', now64(3) FROM numbers(40000)`,
  });
  const query = await startQueryProcess(bed);
  stops.push(() => query.stop());
  const ledger = new JobLedger(postgres);
  const runner = new JobRunner({
    connection,
    clickhouse,
    ledger,
    metrics: createJobMetrics(new Registry(), ledger),
    log,
  });
  runner.start();
  stops.push(() => runner.stop());
  const service = serveJobs({ connection, store: new JobStore(postgres), runner, log });
  stops.push(() => service.stop());
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

const options = { requestId: "r", timeoutMs: 15_000 };

function call<T>(subject: string, payload: object): Promise<T> {
  return callService(bed.connection, subject, payload, { ...options, projectId }) as Promise<T>;
}

async function get(id: string): Promise<{ state: string; result: { meta: unknown }; rows_read: number }> {
  const pieces: Uint8Array[] = [];
  const signal = new AbortController().signal;
  await callStream(
    bed.connection,
    "svc.jobs.get",
    { job_id: id },
    { ...options, projectId },
    { onStart: () => undefined, onChunk: (bytes) => void pieces.push(bytes.slice()), signal },
  );
  return JSON.parse(Buffer.concat(pieces).toString()) as Awaited<ReturnType<typeof get>>;
}

const queries: Readonly<Record<JobKind, object>> = {
  trends: { ...range, series: [{ event: "buy", math: "per_user" }], interval: "week" },
  funnel: { ...range, steps: [{ event: "view" }, { event: "buy" }] },
  retention: { from: "2026-10-01", periods: 5, target: { event: "view" }, returning: { event: "buy" } },
  stickiness: { ...range, event: "view" },
  lifecycle: { ...range, event: "buy", interval: "week" },
  paths: { ...range, anchor: { event: "view" } },
};

it.each(Object.entries(queries))("answers %s as the query itself does, exactly", async (kind, query) => {
  const { job_id: id } = await call<{ job_id: string }>("svc.jobs.create", {
    kind,
    query: { ...query, accuracy: "fast" },
  });
  let job = await get(id);
  for (; job.state === "queued" || job.state === "running"; job = await get(id)) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(job.state).toBe("done");
  const { meta, ...answer } = await call<{ meta: object }>(`svc.query.${kind}`, {
    ...query,
    accuracy: "exact",
  });
  const { meta: metaOfJob, ...answerOfJob } = job.result;
  expect(answerOfJob).toEqual(answer);
  expect(meta).toMatchObject({ exact: true });
  expect(metaOfJob).toMatchObject({ exact: true });
});

it("a wrong query is refused when it is handed in, with the path of what is wrong", async () => {
  const create = (job: object): Promise<unknown> => call("svc.jobs.create", job);
  await expect(create({ kind: "funnel", query: { steps: [] } })).rejects.toMatchObject({
    code: "INVALID_QUERY",
    details: [{ path: "query.steps" }],
  });
  await expect(
    create({ kind: "trends", query: { ...queries.trends, filters: [{ cohort: "none" }] } }),
  ).rejects.toMatchObject({ code: "INVALID_QUERY", details: [{ path: "query.filters[0].cohort" }] });
  await expect(create({ kind: "users", query: {} })).rejects.toMatchObject({
    code: "INVALID_QUERY",
    details: [{ path: "kind" }],
  });
});
