// The actor of one partition: reads its blocks in order, and makes each batch happen exactly once.
//   take blocks ▸ process in the pool ▸ record the intent ▸ store ▸ commit ▸ remember
// On start it first redoes what a former owner left open, and what the store lost.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Piscina } from "piscina";
import type { Config } from "#ops/runtime/config.ts";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { firstSequence } from "#streams/log-state.ts";
import { PartitionReader, readRange, type BlockMessage } from "#streams/partition-reader.ts";
import { BatchJoins } from "../identity/batch-joins.ts";
import type { PersonPublisher } from "../identity/publish-persons.ts";
import type { LiveInterests } from "../live/live-interests.ts";
import { releaseAliasesOf } from "../identity/release-aliases.ts";
import { ErasedKeys, ErasedMeanwhileError } from "../erasure/erased-keys.ts";
import type { Lease } from "../actors/partition-leases.ts";
import { noEffects } from "./batch-effects.ts";
import type { ActivePlansReader } from "../plans/active-plans.ts";
import type { SharedPlans } from "../plans/shared-plans.ts";
import { BatchLedger, LeaseLostError, type OpenIntent } from "./batch-ledger.ts";
import type { BatchInput, BatchOutput, Marks, PartitionHandles } from "./batch-task.ts";
import { buryBlocks } from "./bury-blocks.ts";
import type { NumberRange } from "./identify-users.ts";
import type { PipelineMetrics } from "./metrics.ts";
import type { RestoreInput } from "./restore-task.ts";
import { FingerprintSet } from "./state/fingerprint-set.ts";
import { pause, RefusedContentError, storeBatch } from "./store-batch.ts";
import { countMissing } from "./verify-stored.ts";

/** Block bytes of one batch: about 60,000 events. */
const batchBytesMax = 12 * 1024 * 1024;
/** A batch smaller than this waits for more until the pace allows it. */
const batchBytesFull = 8 * 1024 * 1024;
/** Least time between the starts of two small batches: bounds the parts that trickling traffic makes. */
const paceMs = 900;
/**
 * The same once this much waits already: fewer, larger inserts cost the store far less an event, and events are
 * still visible well within the promised 5 s.
 */
const busyPaceMs = 2_000;
const busyBytes = 256 * 1024;
const readWaitMs = 1_000;
const redoReadMsMax = 60_000;
const retryMs = 500;

/** Rounds in which ids of one batch may turn out to have numbers; the second is rare already. */
const adoptTriesMax = 20;

/** A batch's token says with which tracking plans it is checked, so that it is redone with the same. */
function planMark({ revision }: SharedPlans): string {
  return revision === 0 ? "" : `-p${revision}`;
}

function planRevisionOf({ token }: OpenIntent): number {
  return Number(/-p(\d+)$/.exec(token)?.[1] ?? 0);
}

type EncodedBatch = Extract<BatchOutput, { kind: "encoded" }>;

export interface ActorOptions {
  config: Config;
  connection: NatsConnection;
  postgres: Postgres;
  clickhouse: ClickHouse;
  clickhouseUrl: string;
  postgresUrl: string;
  pool: Piscina;
  log: Logger;
  metrics: PipelineMetrics;
  persons: PersonPublisher;
  live: LiveInterests;
  logId: string;
  partitions: number;
  plans: ActivePlansReader;
  /** Days that each project's raw events are kept; fresh at each call. */
  readRetention: () => [projectId: number, days: number][];
}

export interface ActorProgress {
  partition: number;
  committedSequence: number;
  committedAt: string | null;
  pendingBlocks: number;
  pendingEvents: number;
  /** Age of the oldest block that is not stored yet; 0 when all are. */
  lagMs: number;
}

export class PartitionActor {
  readonly partition: number;
  readonly epoch: string;
  readonly #options: ActorOptions;
  readonly #log: Logger;
  readonly #ledger: BatchLedger;
  readonly #erased: ErasedKeys;
  readonly #lost = new AbortController();
  #draining = false;
  #reader: PartitionReader | undefined;
  #handles: PartitionHandles | undefined;
  #marks: Marks | undefined;
  #ranges: NumberRange[] = [];
  #generationStartedAtMs = Date.now();
  #committedSequence = 0;
  #committedAt: string | null = null;
  #eventsPerBlock = 1;
  /** When the log took the oldest block of the batch under way; undefined between batches. */
  #underWaySinceMs: number | undefined;
  #finished: Promise<void> | undefined;

  constructor(lease: Lease, options: ActorOptions) {
    this.partition = lease.partition;
    this.epoch = lease.epoch;
    this.#options = options;
    this.#log = options.log.child({ partition: lease.partition, epoch: lease.epoch });
    this.#erased = new ErasedKeys(lease.partition);
    this.#ledger = new BatchLedger({
      postgres: options.postgres,
      partition: lease.partition,
      epoch: lease.epoch,
    });
  }

  /** Runs until drained or lost; `onEnd` is called once, and `drain` waits for it. */
  start(onEnd: (outcome: "drained" | "lost") => Promise<void>): void {
    this.#finished = this.#run().then(onEnd);
  }

  /** Finishes the batch under way and ends. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#reader?.stop();
    await this.#finished;
  }

  /** Another process owns the partition: ends at once, storing nothing more. */
  lose(): void {
    this.#lost.abort();
    this.#reader?.stop();
  }

  get progress(): ActorProgress {
    const pendingBlocks = this.#reader?.pendingBlocks ?? 0;
    const oldestAtMs = this.#underWaySinceMs ?? this.#reader?.oldestStoredAtMs;
    return {
      partition: this.partition,
      committedSequence: this.#committedSequence,
      committedAt: this.#committedAt,
      pendingBlocks,
      pendingEvents: Math.round(pendingBlocks * this.#eventsPerBlock),
      lagMs: oldestAtMs === undefined ? 0 : Math.max(0, Date.now() - oldestAtMs),
    };
  }

  async #run(): Promise<"drained" | "lost"> {
    while (!this.#draining && !this.#lost.signal.aborted) {
      try {
        await this.#recover();
        await this.#consume();
      } catch (error) {
        if (error instanceof LeaseLostError) this.#lost.abort();
        if (this.#lost.signal.aborted) break;
        // Whatever failed, the position in the relational store is right: begin again from there.
        this.#log.error({ err: error }, "partition failed, starting it again");
        this.#options.metrics.actorRestarts.inc();
        await pause(retryMs * (1 + Math.random()), this.#lost.signal);
      } finally {
        this.#reader?.stop();
        this.#reader = undefined;
      }
    }
    return this.#lost.signal.aborted ? "lost" : "drained";
  }

  /**
   * Position and open intent as they are stored. Read before anything else at every (re)start: a statement
   * whose answer was lost may have changed them.
   */
  async #readLedgerState(): Promise<OpenIntent | undefined> {
    const state = await this.#ledger.readState();
    this.#committedSequence = state.committedSequence;
    return state.intent;
  }

  async #recover(): Promise<void> {
    const intent = await this.#readLedgerState();
    const firstKept = await firstSequence(this.#options.connection);
    for (const batch of await this.#ledger.latestBatches()) {
      if (batch.from < firstKept) continue;
      const missing = await countMissing(this.#options.clickhouse, this.partition, batch);
      if (missing === 0) continue;
      this.#log.error({ batch, missing }, "the store lost rows of a stored batch, writing it again");
      await this.#redo(batch);
    }
    if (intent) {
      this.#log.info({ intent }, "redoing the batch that was under way");
      await this.#redo(intent);
    } else {
      await this.#restore(undefined);
    }
  }

  async #restore(except: { from: number; to: number } | undefined): Promise<void> {
    const { config, partitions, postgres } = this.#options;
    // Before the users: whoever is erased in between is erased from what was read.
    await this.#erased.refresh(postgres);
    const input: RestoreInput = {
      partition: this.partition,
      clickhouseUrl: this.#options.clickhouseUrl,
      postgresUrl: this.#options.postgresUrl,
      except,
      rememberedDays: config.dedupeDays,
      rememberedIdsMax: Math.ceil(config.dedupeIdsMax / partitions),
    };
    this.#marks = undefined;
    this.#handles = (await this.#options.pool.run(input, { name: "restoreState" })) as PartitionHandles;
    this.#generationStartedAtMs = Date.now();
    this.#ranges = await this.#ledger.openNumberRanges();
  }

  async #redo(range: OpenIntent): Promise<void> {
    await this.#restore(range);
    const blocks = await readRange({
      connection: this.#options.connection,
      partition: this.partition,
      from: range.from,
      to: range.to,
      log: this.#log,
      msMax: redoReadMsMax,
    });
    await this.#storeOnce(blocks, range, true);
  }

  async #consume(): Promise<void> {
    const reader = new PartitionReader({
      connection: this.#options.connection,
      partition: this.partition,
      fromSequence: this.#committedSequence + 1,
      log: this.#log,
    });
    this.#reader = reader;
    reader.start();
    let startedAtMs = 0;
    while (!this.#draining) {
      this.#lost.signal.throwIfAborted();
      await reader.wait(readWaitMs);
      if (reader.oldestStoredAtMs === undefined) continue;
      const earlyMs = startedAtMs + (reader.bufferedBytes > busyBytes ? busyPaceMs : paceMs) - Date.now();
      if (reader.bufferedBytes < batchBytesFull && earlyMs > 0) {
        await pause(Math.min(earlyMs, 50), this.#lost.signal);
        continue;
      }
      startedAtMs = Date.now();
      const blocks = reader.take(batchBytesMax);
      const from = (blocks[0] as BlockMessage).sequence;
      const to = (blocks.at(-1) as BlockMessage).sequence;
      await this.#storeOnce(blocks, {
        from,
        to,
        token: `${this.#options.logId}-${this.partition}-${from}-${to}${planMark(this.#options.plans.current)}`,
      });
    }
  }

  async #storeOnce(blocks: BlockMessage[], intent: OpenIntent, isRedo = false): Promise<void> {
    const { clickhouse, metrics } = this.#options;
    this.#underWaySinceMs = blocks[0]?.storedAtMs;
    const plans = await this.#options.plans.at(planRevisionOf(intent));
    const output = await this.#begin(blocks, intent, plans, isRedo);
    // Before the rows: whoever sees an event sees what it joined.
    if (isRedo || output.joins.length > 0) await this.#options.persons.publishSurely(this.#lost.signal);
    const options = { clickhouse, log: this.#log, signal: this.#lost.signal };
    const insertStartedAtMs = performance.now();
    try {
      await storeBatch(options, { token: intent.token, ...output });
    } catch (error) {
      if (!(error instanceof RefusedContentError)) throw error;
      const reason = String(error.cause);
      this.#log.error(
        { err: error, intent },
        "batch refused by the store, moving its blocks to the dead stream",
      );
      const dead = blocks.map((block) => ({ sequence: block.sequence, reason }));
      await buryBlocks(this.#options.connection, blocks, dead, this.partition);
      output.rows = 0;
      output.effects = noEffects();
      output.live = undefined;
      output.marks.fingerprints = new Uint32Array(0);
    }
    metrics.insertSeconds.observe((performance.now() - insertStartedAtMs) / 1000);
    await this.#ledger.commit({ ...intent, rows: output.rows }, output.effects);

    // What was stored before and is written again was told then.
    if (output.live !== undefined && intent.to > this.#committedSequence) {
      this.#options.live.publish(output.live);
    }
    this.#committedSequence = Math.max(this.#committedSequence, intent.to);
    this.#committedAt = new Date().toISOString();
    this.#underWaySinceMs = undefined;
    this.#marks = output.marks;
    this.#useNumbers(output.marks);
    this.#eventsPerBlock = output.events / blocks.length;
    metrics.eventsStored.inc(output.rows);
    metrics.duplicates.inc(output.duplicates);
    metrics.quarantined.inc(output.quarantined);
    for (const { mode, rule, events } of output.effects.violations) {
      metrics.planViolations.inc({ mode, rule }, events);
    }
    metrics.erased.inc(output.erased);
    metrics.deadBlocks.inc(output.dead.length);
    metrics.batchRows.observe(output.rows);
    metrics.delaySeconds.observe((Date.now() - (blocks[0] as BlockMessage).storedAtMs) / 1000);
  }

  /**
   * Processes the blocks and records the intent, with the joins that the events ask for. Again and again while ids of
   * the batch have numbers that the partition does not know, because other partitions' events named them first: their
   * rows must carry those numbers.
   */
  async #begin(
    blocks: BlockMessage[],
    intent: OpenIntent,
    plans: SharedPlans,
    isRedo: boolean,
  ): Promise<EncodedBatch> {
    const { postgres, partitions, metrics, persons } = this.#options;
    for (let tries = 1; ; tries += 1) {
      const output = await this.#process(blocks, plans);
      this.#lost.signal.throwIfAborted();
      await buryBlocks(this.#options.connection, blocks, output.dead, this.partition);
      const { newUsers } = output.marks;
      // A redo's joins were made with the intent that it redoes.
      const joins = isRedo ? [] : output.joins;
      const prepared = await BatchJoins.prepare(postgres, { joins, fresh: newUsers, partitions });
      try {
        const recorded = await this.#ledger.recordIntent(intent, newUsers, async (client) => {
          await this.#erased.check(client);
          await prepared.apply(client);
        });
        if (recorded) return output;
      } catch (error) {
        if (!(error instanceof ErasedMeanwhileError)) throw error;
        // Processed again, without what was received before; whoever comes back gets a number of its own.
        const forgotten = await this.#erased.refresh(postgres);
        this.#marks = { fingerprints: new Uint32Array(0), newUsers: [], forgotten };
        tries = 0;
        continue;
      }
      if (tries === adoptTriesMax)
        throw new Error("ids of a batch get their numbers elsewhere again and again");
      const adopted = await this.#ledger.adoptNumbers(newUsers);
      if (await releaseAliasesOf(postgres, adopted)) await persons.publishSurely(this.#lost.signal);
      metrics.adoptedUsers.inc(adopted.length);
      this.#marks = { fingerprints: new Uint32Array(0), newUsers: adopted };
    }
  }

  async #process(blocks: BlockMessage[], plans: SharedPlans): Promise<EncodedBatch> {
    for (;;) {
      this.#rotateRemembered();
      const input: BatchInput = {
        partition: this.partition,
        logId: this.#options.logId,
        blocks,
        handles: this.#handles as PartitionHandles,
        marks: this.#marks,
        ranges: this.#ranges,
        retentionDays: this.#options.readRetention(),
        live: this.#options.live.current,
        plans,
        erased: this.#erased.shared,
      };
      const startedAtMs = performance.now();
      const output = (await this.#options.pool.run(input, { name: "processBatch" })) as BatchOutput;
      this.#options.metrics.processSeconds.observe((performance.now() - startedAtMs) / 1000);
      this.#handles = output.handles;
      this.#marks = undefined;
      if (output.kind === "encoded") return output;
      for (const { projectId, count } of output.needed) {
        for (let leased = 0; leased < count;) {
          const range = await this.#ledger.leaseNumberRange(projectId);
          this.#ranges.push({ projectId, next: range.start, end: range.end });
          leased += range.end - range.start;
        }
      }
    }
  }

  /** Numbers are used up in order; ranges that are empty are dropped. */
  #useNumbers(marks: Marks): void {
    for (const { projectId, userNumber } of marks.newUsers) {
      for (const range of this.#ranges) {
        if (range.projectId === projectId && userNumber >= range.next && userNumber < range.end) {
          range.next = userNumber + 1;
        }
      }
    }
    this.#ranges = this.#ranges.filter((range) => range.next < range.end);
  }

  /** Forgets the older generation of ids when the younger one has covered the window, or is full. */
  #rotateRemembered(): void {
    const { config, partitions } = this.#options;
    const handles = this.#handles as PartitionHandles;
    const young = new FingerprintSet(handles.remembered[0] as SharedArrayBuffer);
    const full = young.size >= config.dedupeIdsMax / partitions / 2;
    const old = Date.now() - this.#generationStartedAtMs > config.dedupeDays * 24 * 3600 * 1000;
    if (!full && !old) return;
    handles.remembered = [FingerprintSet.create().handle, handles.remembered[0] as SharedArrayBuffer];
    this.#generationStartedAtMs = Date.now();
  }
}
