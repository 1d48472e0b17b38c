// Evaluates alerts when their buckets are complete: a few lanes, each taking the alert that is due the longest. Any
// number of worker processes do this at once; claims keep them apart.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { describeFailure } from "../background/describe-failure.ts";
import { Lanes } from "../background/lanes.ts";
import { decideRange, evaluateBuckets } from "./evaluate-buckets.ts";
import type { EvaluationClaim, EvaluationLedger } from "./evaluation-ledger.ts";
import type { AlertMetrics } from "./metrics.ts";
import { readSeries } from "./read-series.ts";

/** Evaluations of one worker process at once. */
const lanes = 2;
/** A bucket that has ended but whose events are not all stored is looked at again after that. */
const incompleteMs = 2_000;
/** Shorter than the lease, so that no two processes ever evaluate the same alert. */
const evaluationMsMax = 45_000;

export class AlertEvaluator {
  readonly #connection: NatsConnection;
  readonly #ledger: EvaluationLedger;
  readonly #metrics: AlertMetrics;
  readonly #log: Logger;
  readonly #onTold: () => void;
  readonly #lanes: Lanes<EvaluationClaim>;

  /** `onTold`: there is something in the outbox. */
  constructor(options: {
    connection: NatsConnection;
    ledger: EvaluationLedger;
    metrics: AlertMetrics;
    log: Logger;
    onTold: () => void;
  }) {
    this.#connection = options.connection;
    this.#ledger = options.ledger;
    this.#metrics = options.metrics;
    this.#log = options.log;
    this.#onTold = options.onTold;
    this.#lanes = new Lanes({
      lanes,
      claim: () => this.#ledger.claim(),
      work: (claim, signal) => this.#evaluate(claim, signal),
      trouble: "alerts could not be claimed or given back, trying again",
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  /** An alert was made or changed: idle lanes look at once. */
  wake(): void {
    this.#lanes.wake();
  }

  /** Evaluations under way are given back undone. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #evaluate(claim: EvaluationClaim, signal: AbortSignal): Promise<void> {
    const end = this.#metrics.evaluationSeconds.startTimer();
    try {
      const nowMs = Date.now();
      const { definition, evaluatedUntilMs, state } = claim;
      const { series, asOfMs } = await readSeries(
        this.#connection,
        { projectId: claim.projectId, query: definition.query },
        decideRange(definition, evaluatedUntilMs, nowMs),
        {
          requestId: `alert-${claim.id}-${claim.generation}`,
          signal: AbortSignal.any([signal, AbortSignal.timeout(evaluationMsMax)]),
        },
      );
      // Behind, nothing is judged: what is missing would look like a dip.
      const completeMs = Math.min(nowMs, asOfMs ?? -Infinity);
      const evaluation = evaluateBuckets(definition, { state, evaluatedUntilMs }, series, completeMs);
      const dueMs = Math.max(evaluation.dueMs, Date.now() + (evaluation.dueMs <= nowMs ? incompleteMs : 0));
      const recorded = await this.#ledger.record(claim, evaluation, dueMs);
      if (recorded && evaluation.transitions.length > 0) this.#onTold();
      this.#metrics.evaluations.inc({ outcome: recorded ? "done" : "superseded" });
    } catch (error) {
      if (signal.aborted) return await this.#ledger.release(claim);
      this.#metrics.evaluations.inc({ outcome: "failed" });
      this.#log.warn({ err: error, alert: claim.publicId }, "an alert could not be evaluated, trying again");
      await this.#ledger.fail(claim, describeFailure(error));
    } finally {
      end();
    }
  }
}
