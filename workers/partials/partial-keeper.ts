// Keeps what is wanted of selectors: a lane that takes the selector that is due the longest, computes some of its days
// and lets the next one have its turn. Any number of worker processes do this at once; claims keep them apart.
import type { NatsConnection } from "@nats-io/transport-node";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { SelectorStatement } from "#schemas/selectors/selector.ts";
import { callService } from "#streams/call-service.ts";
import { describeFailure } from "../background/describe-failure.ts";
import { Lanes } from "../background/lanes.ts";
import { findDueDays, takeDays } from "./find-due-days.ts";
import type { PartialMetrics } from "./metrics.ts";
import { removeReplaced, removeUnused } from "./remove-stale.ts";
import type { SelectorClaim, SelectorLedger } from "./selector-ledger.ts";
import { writeDays, type Written } from "./write-days.ts";

/** Longest work on one selector before others have their turn; shorter than its lease. */
const roundMsMax = 20_000;
const claimMsMax = 100_000;
/** Of one statement: about 4 s of one core (measured: a million rows a second), and 600 MB at the worst. */
const rowsAtOnceMax = 4_000_000;
const daysAtOnceMax = 2_000;
/** Between two statements, so that no more than half of a core is used: queries and batches come first. */
const restPerWork = 1;
const compileMsMax = 10_000;
const cleanMs = 300_000;
const cleanMsMax = 60_000;

interface Options {
  readonly connection: NatsConnection;
  readonly clickhouse: ClickHouse;
  readonly clickhouseCluster: string | undefined;
  readonly ledger: SelectorLedger;
  readonly metrics: PartialMetrics;
  readonly log: Logger;
}

export class PartialKeeper {
  readonly #options: Options;
  readonly #lanes: Lanes<SelectorClaim>;
  #cleanAtMs = performance.now() + cleanMs;

  constructor(options: Options) {
    this.#options = options;
    this.#lanes = new Lanes({
      lanes: 1,
      claim: (signal) => this.#claim(signal),
      work: (claim, signal) => this.#work(claim, signal),
      trouble: "selectors could not be claimed, given back or cleaned, trying again",
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  /** Something new is wanted: an idle lane looks at once. */
  wake(): void {
    this.#lanes.wake();
  }

  /** Work under way is given back undone; days that were written count. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #claim(signal: AbortSignal): Promise<SelectorClaim | undefined> {
    if (performance.now() > this.#cleanAtMs) await this.#clean(signal);
    return this.#options.ledger.claim();
  }

  async #work(claim: SelectorClaim, signal: AbortSignal): Promise<void> {
    const { ledger, metrics, log } = this.#options;
    const end = metrics.roundSeconds.startTimer();
    try {
      await this.#round(claim, AbortSignal.any([signal, AbortSignal.timeout(claimMsMax)]));
    } catch (error) {
      if (signal.aborted) return await ledger.release(claim);
      log.warn(
        { err: error, selector: claim.selectorId },
        "days of a selector could not be computed, trying again later",
      );
      await ledger.fail(claim, describeFailure(error));
    } finally {
      end();
    }
  }

  async #round(claim: SelectorClaim, signal: AbortSignal): Promise<void> {
    const { clickhouse, ledger } = this.#options;
    const startedMs = performance.now();
    let { due, days } = await findDueDays(
      clickhouse,
      claim,
      Date.now(),
      await ledger.goneRanges(claim.projectId),
      signal,
    );
    const statement = due.length === 0 ? undefined : await this.#compile(claim);
    while (statement !== undefined && due.length > 0 && performance.now() - startedMs < roundMsMax) {
      const workedMs = performance.now();
      const taken = takeDays(due, rowsAtOnceMax, daysAtOnceMax);
      due = due.slice(taken.length);
      const generation = await ledger.nextGeneration();
      const written = await writeDays(clickhouse, { claim, statement, generation, days: taken }, signal);
      this.#count(written);
      days = {
        kept: days.kept + written.daysKept,
        refused: days.refused + written.daysRefused,
        behind: days.behind - written.daysKept - written.daysRefused,
      };
      await this.#lanes.rest((performance.now() - workedMs) * restPerWork);
      signal.throwIfAborted();
    }
    const ms = performance.now() - startedMs;
    await ledger.succeed(claim, days, { ms, more: due.length > 0 });
  }

  #count({ daysKept, daysRefused, daysLeft }: Written): void {
    const { days } = this.#options.metrics;
    days.inc({ outcome: "kept" }, daysKept);
    days.inc({ outcome: "refused" }, daysRefused);
    days.inc({ outcome: "left" }, daysLeft);
  }

  async #compile(claim: SelectorClaim): Promise<SelectorStatement> {
    return (await callService(
      this.#options.connection,
      "svc.query.selector_statement",
      { definition: claim.definition },
      {
        requestId: `selector-${claim.selectorId}-${claim.epoch}`,
        projectId: claim.projectId,
        timeoutMs: compileMsMax,
      },
    )) as SelectorStatement;
  }

  async #clean(stopping: AbortSignal): Promise<void> {
    this.#cleanAtMs = performance.now() + cleanMs;
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(cleanMsMax)]);
    await removeUnused(this.#options, signal);
    await removeReplaced(this.#options, signal);
  }
}
