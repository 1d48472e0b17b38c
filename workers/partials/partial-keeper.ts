// Keeps what is wanted of selectors: a lane that takes the selector that is due the longest, computes some of its days
// and lets the next one have its turn. Any number of worker processes do this at once; claims keep them apart.
import { ClickHouseError } from "@clickhouse/client";
import type { NatsConnection } from "@nats-io/transport-node";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { SelectorStatement } from "#schemas/selectors/selector.ts";
import { callService } from "#streams/call-service.ts";
import { findDueDays, takeDays } from "./find-due-days.ts";
import type { PartialMetrics } from "./metrics.ts";
import { removeReplaced, removeUnused } from "./remove-stale.ts";
import type { SelectorClaim, SelectorLedger } from "./selector-ledger.ts";
import { writeDays, type Written } from "./write-days.ts";

/** How often an idle lane looks for a selector that is due. */
const idleMs = 1_000;
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
  readonly #stopping = new AbortController();
  readonly #stopped: Promise<void>;
  #lane: Promise<void> = Promise.resolve();
  #wake = Promise.withResolvers<void>();
  #cleanAtMs = performance.now() + cleanMs;

  constructor(options: Options) {
    this.#options = options;
    this.#stopped = new Promise((resolve) => {
      this.#stopping.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  start(): void {
    this.#lane = this.#run();
  }

  /** Something new is wanted: an idle lane looks at once. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Work under way is given back undone; days that were written count. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#lane;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { ledger, log } = this.#options;
    while (!signal.aborted) {
      const woken = this.#wake.promise;
      try {
        const claim = await ledger.claim();
        if (claim !== undefined) await this.#work(claim);
        else await Promise.race([woken, pause(idleMs)]);
        if (performance.now() > this.#cleanAtMs) await this.#clean();
      } catch (error) {
        if (signal.aborted) return;
        // A store is away: what was claimed comes back when its lease ends.
        log.warn({ err: error }, "selectors could not be claimed, given back or cleaned, trying again");
        await Promise.race([woken, pause(idleMs)]);
      }
    }
  }

  async #work(claim: SelectorClaim): Promise<void> {
    const { signal } = this.#stopping;
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
    let { due, days } = await findDueDays(clickhouse, claim, Date.now(), signal);
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
      await Promise.race([pause((performance.now() - workedMs) * restPerWork), this.#stopped]);
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

  async #clean(): Promise<void> {
    this.#cleanAtMs = performance.now() + cleanMs;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(cleanMsMax)]);
    await removeUnused(this.#options, signal);
    await removeReplaced(this.#options, signal);
  }
}

/** What an owner may read: codes and kinds, nothing of other servers' texts. */
function describeFailure(error: unknown): string {
  if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
  if (error instanceof ClickHouseError) return `STORE_REFUSED: ${error.type ?? error.code}`;
  if (error instanceof Error && error.name === "TimeoutError") return "TIMEOUT: the work took too long";
  return "STORE_UNAVAILABLE: a store is away";
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
