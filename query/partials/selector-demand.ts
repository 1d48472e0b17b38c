// What questions lack, and what they use of what was learned: counted in memory, and told to the workers every few
// seconds, who decide what is worth being kept.
import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import {
  demandLimits,
  type DemandNote,
  type DemandNotes,
  type DemandReply,
} from "#schemas/selectors/demand.ts";
import { hashSelector, type SelectorDefinition } from "#schemas/selectors/selector.ts";
import { callService } from "#streams/call-service.ts";
import { candidateSelectors } from "./candidate-selectors.ts";
import type { Wanted } from "./find-cover.ts";

const everyMs = 5_000;
/** Of one project between two messages: a project that asks for everything leaves room for others. */
const notesOfProjectMax = 100;
/** Selectors that are known to be no use; all are forgotten when there are more. */
const refusedMax = 10_000;

const tellMsMax = 5_000;

export interface Demand {
  /** No selector answered for these. */
  readonly missing: readonly Wanted[];
  /** Learned ones that did. */
  readonly used: readonly { readonly hash: string; readonly definition: SelectorDefinition }[];
  /** Rows that were read for all that was missing. */
  readonly rows: number;
}

type Counts = { -readonly [Key in keyof DemandNote]: DemandNote[Key] };

export class SelectorDemand {
  readonly #send: (notes: DemandNotes) => Promise<DemandReply>;
  readonly #log: Logger;
  readonly #now: () => number;
  #counts = new Map<string, Counts>();
  readonly #ofProject = new Map<number, number>();
  readonly #refused = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: {
    send: (notes: DemandNotes) => Promise<DemandReply>;
    log: Logger;
    now?: () => number;
  }) {
    this.#send = options.send;
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
  }

  start(): void {
    this.#timer = setInterval(() => void this.tell(), everyMs);
  }

  /** Tells what it still has. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.tell();
  }

  note(projectId: number, { missing, used, rows }: Demand): void {
    const lacked = new Map(
      missing.flatMap((wanted) => {
        const definition = this.#firstOf(projectId, candidateSelectors(wanted));
        return definition === undefined ? [] : [[hashSelector(definition), definition]];
      }),
    );
    for (const [hash, definition] of lacked) {
      const counts = this.#of(projectId, hash, definition);
      if (counts === undefined) continue;
      counts.asked += 1;
      counts.rows += rows / lacked.size;
    }
    for (const { hash, definition } of used) {
      const counts = this.#of(projectId, hash, definition);
      if (counts !== undefined) counts.uses += 1;
    }
  }

  /** All that was counted since the last time; what cannot be told is lost, it will be asked again. */
  tell(): Promise<void> {
    const told = this.#sending.then(() => this.#tell());
    this.#sending = told;
    return told;
  }

  async #tell(): Promise<void> {
    const notes = [...this.#counts.values()];
    this.#counts = new Map();
    this.#ofProject.clear();
    if (notes.length === 0) return;
    try {
      const { refused } = await this.#send({ notes });
      if (this.#refused.size + refused.length > refusedMax) this.#refused.clear();
      for (const { projectId, hash, untilMs } of refused) this.#refused.set(keyOf(projectId, hash), untilMs);
    } catch (error) {
      this.#log.debug({ err: error }, "what questions lacked could not be told");
    }
  }

  /** The most general one that is not known to be no use. */
  #firstOf(projectId: number, candidates: readonly SelectorDefinition[]): SelectorDefinition | undefined {
    return candidates.find(
      (each) => (this.#refused.get(keyOf(projectId, hashSelector(each))) ?? 0) < this.#now(),
    );
  }

  #of(projectId: number, hash: string, definition: SelectorDefinition): Counts | undefined {
    const key = keyOf(projectId, hash);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const ofProject = this.#ofProject.get(projectId) ?? 0;
    if (this.#counts.size >= demandLimits.notesMax || ofProject >= notesOfProjectMax) return undefined;
    this.#ofProject.set(projectId, ofProject + 1);
    const counts = { projectId, hash, definition, asked: 0, rows: 0, uses: 0 };
    this.#counts.set(key, counts);
    return counts;
  }
}

function keyOf(projectId: number, hash: string): string {
  return `${projectId} ${hash}`;
}

/** Tells the workers every few seconds. */
export function startSelectorDemand(connection: NatsConnection, log: Logger): SelectorDemand {
  const demand = new SelectorDemand({
    send: async (notes) => {
      const options = { requestId: `demand-${randomUUID()}`, projectId: 0, timeoutMs: tellMsMax };
      return (await callService(connection, "svc.dimensions.note", notes, options)) as DemandReply;
    },
    log,
  });
  demand.start();
  return demand;
}
