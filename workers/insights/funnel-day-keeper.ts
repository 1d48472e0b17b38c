// Keeps the days of saved funnels: takes the funnel that is due the longest, asks the query tier for the days that are
// missing or whose data has changed, and stores them. A stopped or killed worker leaves whole days; others go on.
import { Readable } from "node:stream";
import type { NatsConnection } from "@nats-io/transport-node";
import { renderForCluster } from "#schemas/clickhouse/render-for-cluster.ts";
import { funnelDayColumns, type FunnelDaysRequest } from "#schemas/insights/funnel-days.ts";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { callStream } from "#streams/call-service.ts";
import { Lanes } from "../background/lanes.ts";
import type { FunnelClaim, FunnelLedger } from "./funnel-ledger.ts";
import type { InsightMetrics } from "./metrics.ts";

/** Whatever the number of funnels, a worker works on them for a quarter of the time … */
const restPerWork = 3;
/** … or rests so long. */
const restMsMax = 10_000;
/** Longest work on one claim; shorter than its lease. */
const workMsMax = 100_000;
/** The query tier reads for that long before it sends anything. */
const silenceMsMax = 90_000;

export class FunnelDayKeeper {
  readonly #connection: NatsConnection;
  readonly #clickhouse: ClickHouse;
  readonly #cluster: string | undefined;
  readonly #ledger: FunnelLedger;
  readonly #metrics: InsightMetrics;
  readonly #log: Logger;
  readonly #lanes: Lanes<FunnelClaim>;
  /** By definition, as this process last heard; bounded by the number of saved funnels. */
  readonly #openEvents = new Map<number, number>();

  constructor(options: {
    connection: NatsConnection;
    clickhouse: ClickHouse;
    clickhouseCluster: string | undefined;
    ledger: FunnelLedger;
    metrics: InsightMetrics;
    log: Logger;
  }) {
    this.#connection = options.connection;
    this.#clickhouse = options.clickhouse;
    this.#cluster = options.clickhouseCluster;
    this.#ledger = options.ledger;
    this.#metrics = options.metrics;
    this.#log = options.log;
    this.#lanes = new Lanes({
      lanes: 1,
      claim: () => this.#ledger.claim(),
      work: (claim, signal) => this.#work(claim, signal),
      trouble: "funnels could not be claimed or given back, trying again",
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  /** Work under way is given back. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #work(claim: FunnelClaim, signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(workMsMax)]);
      if (claim.days === null) {
        await this.#forget(claim, limit);
        return await this.#ledger.remove(claim);
      }
      const { days, more } = await this.#makeDays(claim, claim.days, limit);
      const workMs = performance.now() - startedMs;
      await this.#ledger.succeed(claim, { seconds: workMs / 1000, more });
      this.#metrics.daysMade.inc(days);
      this.#metrics.rounds.inc({ outcome: "done" });
      // Queries want the stores too.
      if (!more) await this.#lanes.rest(Math.min(workMs * restPerWork, restMsMax));
    } catch (error) {
      if (signal.aborted) return await this.#ledger.release(claim);
      this.#metrics.rounds.inc({ outcome: "failed" });
      this.#log.warn(
        { err: error, funnel: claim.definitionId },
        "days of a funnel could not be kept, trying again later",
      );
      await this.#ledger.fail(claim);
    }
  }

  async #makeDays(
    claim: FunnelClaim,
    daysBack: number,
    signal: AbortSignal,
  ): Promise<{ days: number; more: boolean }> {
    const request: FunnelDaysRequest = {
      definition_id: claim.definitionId,
      generation: claim.generation,
      query: claim.query,
      zone: claim.zone,
      days: daysBack,
      open_events: this.#openEvents.get(claim.definitionId) ?? null,
    };
    const chunks: Uint8Array[] = [];
    let said: Record<string, string> = {};
    await callStream(
      this.#connection,
      "svc.query.funnel_days",
      request,
      {
        requestId: `funnel-${claim.definitionId}-${claim.generation}`,
        projectId: claim.projectId,
        timeoutMs: silenceMsMax,
      },
      {
        onStart: ({ headers }) => (said = headers),
        // Its room is used again: what is kept is a copy.
        onChunk: (bytes) => void chunks.push(Buffer.from(bytes)),
        signal,
      },
    );
    this.#openEvents.set(claim.definitionId, Number(said["open-events"]));
    const days = Number(said["days"] ?? 0);
    if (days > 0) await this.#store(chunks, signal);
    return { days, more: said["more"] === "true" };
  }

  async #store(chunks: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { stream } = await this.#clickhouse.exec({
      query: `INSERT INTO funnel_days (${funnelDayColumns}) FORMAT RowBinary`,
      values: Readable.from(chunks, { objectMode: false }),
      clickhouse_settings: { async_insert: 0, distributed_foreground_insert: 1 },
      abort_signal: signal,
    });
    stream.resume();
  }

  /** The days of a funnel that nobody asks for any more. */
  async #forget(claim: FunnelClaim, signal: AbortSignal): Promise<void> {
    const { projectId, definitionId } = claim;
    this.#openEvents.delete(definitionId);
    const statement =
      "ALTER TABLE funnel_days DELETE WHERE project_id = {project:UInt32} AND definition_id = {definition:UInt32}";
    const statements = this.#cluster === undefined ? [statement] : renderForCluster(statement, this.#cluster);
    for (const query of statements) {
      await this.#clickhouse.command({
        query,
        query_params: { project: projectId, definition: definitionId },
        clickhouse_settings: { mutations_sync: "0" },
        abort_signal: signal,
      });
    }
  }
}
