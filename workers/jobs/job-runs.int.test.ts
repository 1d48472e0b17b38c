// What becomes of jobs while processes die, stores are away and people change their minds: real stores and worker
// processes, and a query tier that answers when the test says so.
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { jobLimits, type JobSummary } from "#schemas/jobs/job.ts";
import { callService, callStream } from "#streams/call-service.ts";
import { serve } from "#streams/services.ts";
import { startBed, type Bed } from "../testing/worker-processes.ts";
import { JobLedger } from "./job-ledger.ts";
import { JobRunner } from "./job-runner.ts";
import { serveJobs } from "./job-service.ts";
import { JobStore } from "./job-store.ts";
import { createJobMetrics } from "./metrics.ts";
import { StatementProgress } from "./statement-progress.ts";

interface Question {
  readonly name: string;
  readonly projectId: number;
  readonly signal: AbortSignal;
  answer(result: unknown): void;
  fail(error: MillraceError): void;
}

let bed: Bed;
let projects: number[];
let runners: JobRunner[] = [];
let asked: Question[] = [];
const stops: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  bed = await startBed();
  stops.push(() => bed.close());
  const { connection, postgres, log } = bed;
  const { rows } = await postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ('p', 'p'), ('q', 'q') RETURNING id",
  );
  projects = rows.map(({ id }) => id);
  const query = serve(connection, {
    service: "query",
    log,
    methods: { check_job: async (payload) => JSON.parse(new TextDecoder().decode(payload)) as unknown },
    streams: {
      run_job: async (payload, call, sink) => {
        const { query } = JSON.parse(new TextDecoder().decode(payload)) as { query: { name: string } };
        const outcome = Promise.withResolvers<unknown>();
        call.signal.addEventListener("abort", () => outcome.reject(new MillraceError("SHUTTING_DOWN")));
        asked.push({
          name: query.name,
          projectId: call.projectId,
          signal: call.signal,
          answer: outcome.resolve,
          fail: outcome.reject,
        });
        sink.start({ status: 200, headers: {} });
        await sink.write(Buffer.from("\n"));
        const answer = await outcome.promise;
        await sink.write(Buffer.from("\n20"));
        await sink.write(Buffer.from(`00\n${JSON.stringify(answer)}`));
      },
    },
  });
  stops.push(() => query.stop());
  const service = serveJobs({
    connection,
    store: new JobStore(postgres),
    runner: { wake: () => runners.forEach((runner) => runner.wake()) } as JobRunner,
    log,
  });
  stops.push(() => service.stop());
});

afterEach(async () => {
  asked.forEach((question) => question.fail(new MillraceError("QUERY_TOO_EXPENSIVE")));
  await Promise.all(runners.map((runner) => runner.stop()));
  runners = [];
  asked = [];
  await bed.postgres.query("DELETE FROM query_jobs");
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

function startRunner(): JobRunner {
  const { connection, postgres, clickhouse, log } = bed;
  const ledger = new JobLedger(postgres);
  const quiet = log.child({}, { level: "fatal" });
  const runner = new JobRunner({
    connection,
    clickhouse,
    ledger,
    metrics: createJobMetrics(new Registry(), ledger),
    log: quiet,
  });
  runner.start();
  runners.push(runner);
  return runner;
}

async function create(name: string, project = projects[0] as number, method = "create"): Promise<string> {
  const created = await callService(
    bed.connection,
    `svc.jobs.${method}`,
    { kind: "trends", query: { name } },
    { requestId: "r", projectId: project, timeoutMs: 5_000 },
  );
  return (created as { job_id: string }).job_id;
}

async function get(id: string): Promise<JobSummary & { result?: unknown; error?: { code: string } }> {
  const pieces: Uint8Array[] = [];
  await callStream(
    bed.connection,
    "svc.jobs.get",
    { job_id: id },
    { requestId: "r", projectId: projects[0] as number, timeoutMs: 5_000 },
    {
      onStart: () => undefined,
      onChunk: (bytes) => void pieces.push(bytes.slice()),
      signal: new AbortController().signal,
    },
  );
  return JSON.parse(Buffer.concat(pieces).toString()) as JobSummary;
}

async function until(what: string, done: () => boolean | Promise<boolean>, msMax = 10_000): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  while (!(await done())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const question = (name: string): Question => {
  const found = asked.findLast((each) => each.name === name);
  if (found === undefined) throw new Error(`${name} was not asked`);
  return found;
};
const names = (): string[] => asked.map(({ name }) => name).sort();

describe("a job", () => {
  it("waits, runs with its progress, and keeps its answer", async () => {
    const id = await create("one");
    expect(await get(id)).toMatchObject({ state: "queued", progress: 0, attempts: 0, started_at: null });
    startRunner();
    await until("asked", () => asked.length === 1);
    expect(await get(id)).toMatchObject({
      state: "running",
      attempts: 1,
      query: { name: "one" },
    });
    question("one").answer({ series: [1, 2], text: 'a\n"b"' });
    await until("done", async () => (await get(id)).state === "done");
    const done = await get(id);
    expect(done).toMatchObject({ progress: 1, rows_read: 2000, result: { series: [1, 2], text: 'a\n"b"' } });
    expect(Date.parse(done.expires_at as string) - Date.parse(done.finished_at as string)).toBe(
      7 * 86_400_000,
    );
  });

  it("says how far its statements are", async () => {
    const progress = new StatementProgress(bed.clickhouse, { id: "job_far", attempt: 2 });
    expect(progress.latest).toEqual({ progress: 0, rowsRead: 0 });
    const statement = bed.clickhouse.query({
      query: "SELECT sum(sleepEachRow(0.001)) FROM numbers(2000)",
      query_id: "job_far-2-x",
      clickhouse_settings: { max_block_size: "100", max_threads: 1 },
    });
    await until("something was read", async () => {
      await progress.look();
      return progress.latest.rowsRead > 0;
    });
    const { progress: share, rowsRead } = progress.latest;
    expect(rowsRead).toBeLessThan(2000);
    expect(share).toBeCloseTo(rowsRead / 2000, 5);
    await (await statement).text();
  });

  it("larger than a message of the log's server comes back whole", async () => {
    const id = await create("large");
    startRunner();
    await until("asked", () => asked.length === 1);
    const result = { values: Array.from({ length: 400_000 }, (_, index) => index * 1.5) };
    question("large").answer(result);
    await until("done", async () => (await get(id)).state === "done");
    expect((await get(id)).result).toEqual(result);
  });

  it("of one project leaves room for those of another: two at once, however many workers there are", async () => {
    for (const name of ["a", "b", "c", "d"]) await create(name);
    await create("other", projects[1]);
    startRunner();
    startRunner();
    await until("three are asked", () => asked.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(names()).toEqual(["a", "b", "other"]);
    question("a").answer({});
    await until("the next one", () => asked.length === 4);
    expect(names()).toEqual(["a", "b", "c", "other"]);
  });

  it("that is cancelled ends in the query tier too", async () => {
    const id = await create("long");
    startRunner();
    await until("asked", () => asked.length === 1);
    const cancelled = await callService(
      bed.connection,
      "svc.jobs.cancel",
      { job_id: id },
      { requestId: "r", projectId: projects[0] as number, timeoutMs: 5_000 },
    );
    expect(cancelled).toMatchObject({ state: "cancelled" });
    await until("the query tier was told", () => question("long").signal.aborted, 3_000);
    expect(await get(id)).toMatchObject({ state: "cancelled" });
    expect(await get(id)).not.toHaveProperty("result");
  });

  it("whose query fails for good fails; when a store is away it is tried again", async () => {
    const wrong = await create("wrong");
    const away = await create("away");
    startRunner();
    await until("asked", () => asked.length === 2);
    question("wrong").fail(new MillraceError("QUERY_TOO_EXPENSIVE", { message: "too much" }));
    question("away").fail(new MillraceError("STORE_UNAVAILABLE"));
    await until("failed", async () => (await get(wrong)).state === "failed");
    expect((await get(wrong)).error).toMatchObject({ code: "QUERY_TOO_EXPENSIVE", message: "too much" });
    expect(await get(away)).toMatchObject({ state: "queued" });
    await until("asked again", () => asked.length === 3, 15_000);
    question("away").answer({ ok: true });
    await until("done", async () => (await get(away)).state === "done");
    expect(await get(away)).toMatchObject({ attempts: 2, result: { ok: true } });
  });

  it("is begun again after kill -9 of its worker, and by no one else before", async () => {
    const first = bed.startWorkers("workers-1");
    const id = await create("survivor");
    await until("asked", () => asked.length === 1, 25_000);
    first.kill("SIGKILL");
    await until("the dead one's query ends", () => question("survivor").signal.aborted, 40_000);
    startRunner();
    await until("asked again", () => asked.length === 2, 25_000);
    question("survivor").answer({ ok: true });
    await until("done", async () => (await get(id)).state === "done");
    expect(await get(id)).toMatchObject({ attempts: 2, result: { ok: true } });
  }, 90_000);

  it("is given back at once when its worker stops", async () => {
    const id = await create("moved");
    const first = startRunner();
    await until("asked", () => asked.length === 1);
    await first.stop();
    expect(await get(id)).toMatchObject({ state: "queued", attempts: 0 });
    startRunner();
    await until("asked again", () => asked.length === 2);
  });
});

describe("the jobs of a project", () => {
  it("share the exact answer of one sampled question, and do not grow without bound", async () => {
    const exact = (name: string): Promise<string> => create(name, projects[0], "create_exact");
    const first = await exact("same");
    expect(await exact("same")).toBe(first);
    expect(await create("same")).not.toBe(first);
    for (let each = 1; each < jobLimits.waitingOfSamplesMax; each += 1) await exact(`other ${each}`);
    const beyond = await callService(
      bed.connection,
      "svc.jobs.create_exact",
      { kind: "trends", query: { name: "beyond" } },
      { requestId: "r", projectId: projects[0] as number, timeoutMs: 5_000 },
    );
    expect(beyond).toBeNull();
  });

  it("are their own", async () => {
    const id = await create("theirs", projects[1]);
    await expect(get(id)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    await expect(get("job_none")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  it("are refused beyond so many that wait", async () => {
    await bed.postgres.query(
      `INSERT INTO query_jobs (id, project_id, kind, query, origin, digest)
       SELECT 'job_' || n, $1, 'trends', '{}', 'request', '' FROM generate_series(1, $2::int) AS n`,
      [projects[0], jobLimits.waitingMax],
    );
    await expect(create("one more")).rejects.toMatchObject({ code: "TOO_MANY_JOBS" });
  });
});
