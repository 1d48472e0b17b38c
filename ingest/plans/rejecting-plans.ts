// The tracking plans whose events the edge refuses: learnt when one changes, and every few seconds in case the word of
// it was lost. What the edge does not know yet, or any more, the workers keep aside: nothing gets by.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import {
  compilePlan,
  describeViolations,
  plannedPart,
  type CheckProperties,
} from "#schemas/plans/compile-plan.ts";
import { plansChangedSubject, type ActivePlans } from "#schemas/plans/plan.ts";
import { callService } from "#streams/call-service.ts";

const refreshMs = 5_000;
const askMsMax = 2_000;

export class RejectingPlans {
  readonly #connection: NatsConnection;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #changes: { unsubscribe(): void };
  #checks: ReadonlyMap<number, ReadonlyMap<string, CheckProperties>> = new Map();
  #revision = -1;
  #isAsking = false;
  #isChanged = false;

  constructor(options: { connection: NatsConnection; log: Logger }) {
    this.#connection = options.connection;
    this.#log = options.log;
    this.#changes = options.connection.subscribe(plansChangedSubject, {
      callback: () => void this.refresh(),
    });
    this.#timer = setInterval(() => void this.refresh(), refreshMs);
    void this.refresh();
  }

  /** How the event differs from its plan; undefined when it may come in. */
  violationOf(projectId: number, event: string, properties: unknown): string | undefined {
    const check = this.#checks.size === 0 ? undefined : this.#checks.get(projectId)?.get(event);
    if (check === undefined) return undefined;
    const violations = check(plannedPart((properties ?? {}) as object));
    return violations.length === 0 ? undefined : describeViolations(violations);
  }

  async refresh(): Promise<void> {
    if (this.#isAsking) {
      this.#isChanged = true;
      return;
    }
    this.#isAsking = true;
    try {
      do {
        this.#isChanged = false;
        this.#use(await this.#ask());
      } while (this.#isChanged);
    } catch (error) {
      this.#log.debug({ err: error }, "tracking plans could not be asked for, keeping the last ones");
    } finally {
      this.#isAsking = false;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#changes.unsubscribe();
  }

  async #ask(): Promise<ActivePlans> {
    const options = { requestId: "plans", projectId: 0, timeoutMs: askMsMax };
    return (await callService(this.#connection, "svc.plans.rejecting", {}, options)) as ActivePlans;
  }

  #use({ revision, plans }: ActivePlans): void {
    if (revision === this.#revision) return;
    const checks = new Map<number, Map<string, CheckProperties>>();
    for (const { projectId, event, schema } of plans) {
      const ofProject = checks.get(projectId) ?? new Map<string, CheckProperties>();
      checks.set(projectId, ofProject.set(event, compilePlan(schema)));
    }
    this.#checks = checks;
    this.#revision = revision;
  }
}
