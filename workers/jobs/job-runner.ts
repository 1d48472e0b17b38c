// Runs jobs: a few lanes, each taking the next one. Any number of worker processes do this at once; claims keep them
// apart, and a claim whose process died is taken by another.
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { JobClaim, JobLedger } from "./job-ledger.ts";
import type { JobMetrics } from "./metrics.ts";
import { runJob } from "./run-job.ts";
import { StatementProgress } from "./statement-progress.ts";

/** Jobs of one worker process at once. */
const lanes = 2;
/** How often an idle lane looks for a job. */
const idleMs = 1_000;
const renewMs = 1_000;
/** Longest work on one job. */
const jobMsMax = 3_600_000;
const forgetEveryMs = 600_000;

export class JobRunner {
  readonly #connection: NatsConnection;
  readonly #clickhouse: ClickHouse;
  readonly #ledger: JobLedger;
  readonly #metrics: JobMetrics;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #lanes: Promise<void>[] = [];
  #wake = Promise.withResolvers<void>();
  #forgetAtMs = 0;

  constructor(options: {
    connection: NatsConnection;
    clickhouse: ClickHouse;
    ledger: JobLedger;
    metrics: JobMetrics;
    log: Logger;
  }) {
    this.#connection = options.connection;
    this.#clickhouse = options.clickhouse;
    this.#ledger = options.ledger;
    this.#metrics = options.metrics;
    this.#log = options.log;
  }

  start(): void {
    this.#lanes = Array.from({ length: lanes }, () => this.#run());
  }

  /** There is a new job: idle lanes look at once. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Jobs under way are given back undone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await Promise.all(this.#lanes);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const woken = this.#wake.promise;
      try {
        await this.#forgetOld();
        const claim = await this.#ledger.claim();
        if (claim === undefined) await Promise.race([woken, pause(idleMs)]);
        else await this.#work(claim);
      } catch (error) {
        // The relational store is away: nothing is claimed, and what was claimed comes back when its lease ends.
        this.#log.warn({ err: error }, "jobs could not be claimed or given back, trying again");
        await Promise.race([woken, pause(idleMs)]);
      }
    }
  }

  async #work(claim: JobClaim): Promise<void> {
    const { signal } = this.#stopping;
    const end = this.#metrics.jobSeconds.startTimer();
    const lost = new AbortController();
    const progress = new StatementProgress(this.#clickhouse, claim);
    const renewing = setInterval(() => {
      // Only describes: what cannot be asked is left as it was.
      progress.look().catch(() => undefined);
      this.#ledger.renew(claim, progress.latest).then(
        (ours) => ours || lost.abort(),
        (error: unknown) =>
          this.#log.warn({ err: error, job: claim.id }, "a job's lease could not be renewed"),
      );
    }, renewMs);
    try {
      const ending = AbortSignal.any([signal, lost.signal, AbortSignal.timeout(jobMsMax)]);
      const { result, rowsRead } = await runJob(this.#connection, claim, ending);
      await this.#ledger.succeed(claim, result, Math.max(rowsRead, progress.latest.rowsRead));
      this.#metrics.jobs.inc({ outcome: "done" });
    } catch (error) {
      if (lost.signal.aborted) {
        this.#metrics.jobs.inc({ outcome: "cancelled" });
        return;
      }
      if (signal.aborted) return await this.#ledger.release(claim);
      const coded = error instanceof MillraceError ? error : new MillraceError("INTERNAL", { cause: error });
      const outcome = await this.#ledger.fail(claim, coded);
      this.#metrics.jobs.inc({ outcome });
      this.#log.warn({ err: error, job: claim.id, outcome }, "a job did not end well");
    } finally {
      clearInterval(renewing);
      end();
    }
  }

  async #forgetOld(): Promise<void> {
    if (performance.now() < this.#forgetAtMs) return;
    this.#forgetAtMs = performance.now() + forgetEveryMs;
    await this.#ledger.forgetOld();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
