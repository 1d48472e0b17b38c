// All partition actors of this process: takes and gives back partitions as processes come and go.
import type { Logger } from "#ops/runtime/log.ts";
import type { WorkersStatus } from "#streams/status.ts";
import type { PartitionLeases } from "../actors/partition-leases.ts";
import { PartitionActor, type ActorOptions } from "./partition-actor.ts";
import { trimStoredBlocks } from "./trim-log.ts";

const tickMs = 1_000;
const trimEveryTicks = 10;

export class EventWorkers {
  readonly #options: ActorOptions;
  readonly #leases: PartitionLeases;
  readonly #log: Logger;
  readonly #actors = new Map<number, PartitionActor>();
  #stopping = false;
  #loop: Promise<void> | undefined;
  #ticks = 0;
  #ticked = false;
  #wake: (() => void) | undefined;

  constructor(options: ActorOptions, leases: PartitionLeases) {
    this.#options = options;
    this.#leases = leases;
    this.#log = options.log;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Finishes the batches under way, gives all partitions back, and tells the others. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    await this.#loop;
    await Promise.all([...this.#actors.values()].map((actor) => actor.drain()));
    await this.#leases.leave().catch(() => {});
  }

  get progress(): WorkersStatus["partitions"] {
    return [...this.#actors.values()].map((actor) => actor.progress);
  }

  /** True once the first round of leases went through. */
  get ready(): boolean {
    return this.#ticked;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#tick();
      } catch (error) {
        this.#log.warn({ err: error }, "leases could not be renewed, trying again");
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, tickMs);
      });
    }
  }

  async #tick(): Promise<void> {
    const owned = new Map([...this.#actors].map(([partition, actor]) => [partition, actor.epoch]));
    const { acquired, lost, surplus } = await this.#leases.tick(owned);
    for (const partition of lost) {
      this.#log.warn({ partition }, "partition lost to another owner");
      this.#actors.get(partition)?.lose();
    }
    for (const lease of acquired) {
      const actor = new PartitionActor(lease, this.#options);
      this.#actors.set(lease.partition, actor);
      actor.start((outcome) => this.#end(actor, outcome));
    }
    for (const partition of surplus) void this.#actors.get(partition)?.drain();
    this.#ticked = true;
    this.#ticks += 1;
    if (this.#ticks % trimEveryTicks === 0 && this.#actors.has(0)) await trimStoredBlocks(this.#options);
  }

  async #end(actor: PartitionActor, outcome: "drained" | "lost"): Promise<void> {
    if (this.#actors.get(actor.partition) === actor) this.#actors.delete(actor.partition);
    if (outcome === "lost") return;
    try {
      await this.#leases.release(actor.partition, actor.epoch);
    } catch (error) {
      // The lease runs out by itself.
      this.#log.warn({ err: error, partition: actor.partition }, "partition could not be given back");
    }
  }
}
