// Runs jobs: a few lanes, each taking the next one. Any number of worker processes do this at once; claims keep them
// apart, and a claim whose process died is taken by another.
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { Lanes } from "../background/lanes.ts";
import type { JobClaim, JobLedger } from "./job-ledger.ts";
import type { JobMetrics } from "./metrics.ts";
import { runJob } from "./run-job.ts";
import { StatementProgress } from "./statement-progress.ts";

/** Jobs of one worker process at once. */
const lanes = 2;
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
  readonly #lanes: Lanes<JobClaim>;
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
    this.#lanes = new Lanes({
      lanes,
      claim: () => this.#claim(),
      work: (claim, signal) => this.#work(claim, signal),
      trouble: "jobs could not be claimed or given back, trying again",
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  /** There is a new job: idle lanes look at once. */
  wake(): void {
    this.#lanes.wake();
  }

  /** Jobs under way are given back undone. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #claim(): Promise<JobClaim | undefined> {
    await this.#forgetOld();
    return this.#ledger.claim();
  }

  async #work(claim: JobClaim, signal: AbortSignal): Promise<void> {
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
