// Removes people: waits until everything acknowledged before the request is stored, cuts them off, and takes the steps of
// the removal one after the other. Those of a project who wait go together, because a removal costs as much for a
// thousand as for one. Any number of worker processes do this; claims keep them apart.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { lastSequences } from "#streams/log-state.ts";
import { describeFailure } from "../background/describe-failure.ts";
import { Lanes } from "../background/lanes.ts";
import { cutOffPeople } from "./cut-off-people.ts";
import { leaseSeconds, type ErasureClaim, type ErasureLedger } from "./erasure-ledger.ts";
import type { ErasureMetrics } from "./metrics.ts";
import { removalSteps, type RemovalContext } from "./removal-steps.ts";

const waitMs = 250;

export interface EraserOptions extends RemovalContext {
  readonly connection: NatsConnection;
  readonly ledger: ErasureLedger;
  readonly partitions: number;
  readonly metrics: ErasureMetrics;
  readonly log: Logger;
}

export class Eraser {
  readonly #options: EraserOptions;
  readonly #lanes: Lanes<ErasureClaim>;

  constructor(options: EraserOptions) {
    this.#options = options;
    this.#lanes = new Lanes({
      lanes: 1,
      claim: () => options.ledger.claim(),
      work: (claim, signal) => this.#work(claim, signal),
      trouble: "erasures could not be claimed or given back, trying again",
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  wake(): void {
    this.#lanes.wake();
  }

  /** Work under way is given back; the next worker goes on with its step. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #work(claim: ErasureClaim, stopping: AbortSignal): Promise<void> {
    const { ledger, metrics, log } = this.#options;
    const lost = new AbortController();
    const renewal = setInterval(
      () => {
        ledger.renew(claim).then(
          (ours) => {
            if (!ours) lost.abort();
          },
          // The lease runs out by itself if this goes on.
          () => {},
        );
      },
      (leaseSeconds * 1000) / 4,
    );
    try {
      if (claim.state === "waiting") await this.#begin(claim);
      else await this.#remove(claim, AbortSignal.any([stopping, lost.signal]));
    } catch (error) {
      if (stopping.aborted) return await ledger.postpone(claim, 0);
      if (lost.signal.aborted) return;
      metrics.failures.inc();
      log.warn({ err: error, erasure: claim.id }, "a person could not be erased yet, trying again later");
      await ledger.fail(claim, describeFailure(error));
    } finally {
      clearInterval(renewal);
    }
  }

  /** What was acknowledged before is stored first: then nothing of it can come under another number. */
  async #begin(claim: ErasureClaim): Promise<void> {
    const { ledger, postgres, partitions, connection } = this.#options;
    let { logEnds } = claim;
    if (logEnds === null) {
      // First: what is waited for covers everybody who goes together.
      await ledger.gather(claim);
      if (await ledger.hasOpenUploads(claim)) return await ledger.postpone(claim, waitMs);
      logEnds = Object.fromEntries(await lastSequences(connection));
      await ledger.setLogEnds(claim, logEnds);
    }
    const { rows } = await postgres.query<{ behind: boolean }>(
      `SELECT EXISTS (SELECT FROM log_partitions
         WHERE committed_sequence < coalesce(($1::jsonb ->> partition::text)::bigint, 0)) AS behind`,
      [JSON.stringify(logEnds)],
    );
    if (rows[0]?.behind === true) return await ledger.postpone(claim, waitMs);
    await cutOffPeople(postgres, claim, partitions);
    await ledger.postpone(claim, 0);
  }

  async #remove(claim: ErasureClaim, signal: AbortSignal): Promise<void> {
    const { ledger, metrics } = this.#options;
    let { days } = claim;
    for (let step = claim.stepsDone; step < removalSteps.length; step += 1) {
      signal.throwIfAborted();
      const work = removalSteps[step] as (typeof removalSteps)[number];
      const result = await work(this.#options, { ...claim, days }, signal);
      days = result.days ?? days;
      if (!(await ledger.finishStep(claim, step + 1, result))) return;
    }
    await ledger.finish(claim);
    metrics.erased.inc(claim.people.length);
  }
}
