// The plans in force, as batches are checked with them: read again when one changes, and every few seconds in case the
// word of it was lost.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { plansChangedSubject } from "#schemas/plans/plan.ts";
import type { PlanStore } from "./plan-store.ts";
import { sharePlans, type SharedPlans } from "./shared-plans.ts";

const refreshMs = 2_000;

export class ActivePlansReader {
  readonly #store: PlanStore;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #changes: { unsubscribe(): void };
  #current: SharedPlans = sharePlans({ revision: 0, plans: [] });
  #isReading = false;

  constructor(options: { store: PlanStore; connection: NatsConnection; log: Logger }) {
    this.#store = options.store;
    this.#log = options.log;
    this.#changes = options.connection.subscribe(plansChangedSubject, { callback: () => this.#refresh() });
    this.#timer = setInterval(() => this.#refresh(), refreshMs);
  }

  /** Before the first batch: what is in force is known. */
  async load(): Promise<void> {
    this.#current = sharePlans(await this.#store.activeAt(await this.#store.revision()));
  }

  get current(): SharedPlans {
    return this.#current;
  }

  /** Those that a batch was checked with: it is redone with the same. */
  async at(revision: number): Promise<SharedPlans> {
    if (revision === this.#current.revision) return this.#current;
    return sharePlans(await this.#store.activeAt(revision));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#changes.unsubscribe();
  }

  #refresh(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#read()
      .catch((error: unknown) => {
        this.#log.warn({ err: error }, "tracking plans could not be read, keeping the last ones");
      })
      .finally(() => (this.#isReading = false));
  }

  async #read(): Promise<void> {
    const revision = await this.#store.revision();
    if (revision !== this.#current.revision) this.#current = sharePlans(await this.#store.activeAt(revision));
  }
}
