// The tracking plans whose events the edge refuses: learnt when one changes, and every few seconds in case the word of
// it was lost. What the edge does not know yet, or any more, the workers keep aside: nothing gets by.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { compilePlan, describeViolations, plannedPart } from "#schemas/plans/compile-plan.ts";
import { plansChangedSubject, type ActivePlan, type RejectingPart } from "#schemas/plans/plan.ts";
import type { ViolationTotal } from "#schemas/plans/violation-totals.ts";
import { dayOf } from "#schemas/projects/usage.ts";
import { callService } from "#streams/call-service.ts";

const refreshMs = 5_000;
const askMsMax = 2_000;

export class RejectingPlans {
  readonly #connection: NatsConnection;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #changes: { unsubscribe(): void };
  readonly #onViolation: (violation: Omit<ViolationTotal, "events">) => void;
  #plans: ReadonlyMap<number, ReadonlyMap<string, ActivePlan>> = new Map();
  #revision = -1;
  #isAsking = false;
  #isChanged = false;

  constructor(options: {
    connection: NatsConnection;
    log: Logger;
    onViolation: (violation: Omit<ViolationTotal, "events">) => void;
  }) {
    this.#onViolation = options.onViolation;
    this.#connection = options.connection;
    this.#log = options.log;
    this.#changes = options.connection.subscribe(plansChangedSubject, {
      callback: () => void this.refresh(),
    });
    this.#timer = setInterval(() => void this.refresh(), refreshMs);
    void this.refresh();
  }

  /** How the event differs from its plan; undefined when it may come in. */
  violationOf(projectId: number, event: string, properties: unknown, nowMs: number): string | undefined {
    const plan = this.#plans.size === 0 ? undefined : this.#plans.get(projectId)?.get(event);
    if (plan === undefined) return undefined;
    // Compiled when the first event meets it, and remembered.
    const violations = compilePlan(plan.schema)(plannedPart((properties ?? {}) as object));
    if (violations.length === 0) return undefined;
    const { version, mode } = plan;
    for (const { path, rule } of violations) {
      this.#onViolation({ projectId, event, day: dayOf(nowMs), version, mode, path, rule });
    }
    return describeViolations(violations);
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
        await this.#read();
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

  async #read(): Promise<void> {
    let part = await this.#ask({ known: this.#revision, from: 0 });
    if (part.plans === undefined) return;
    const { revision } = part;
    const plans = [...part.plans];
    while (part.next !== undefined) {
      part = await this.#ask({ known: this.#revision, revision, from: part.next });
      plans.push(...(part.plans ?? []));
    }
    const byProject = new Map<number, Map<string, ActivePlan>>();
    for (const plan of plans) {
      const ofProject = byProject.get(plan.projectId) ?? new Map<string, ActivePlan>();
      byProject.set(plan.projectId, ofProject.set(plan.event, plan));
    }
    this.#plans = byProject;
    this.#revision = revision;
  }

  async #ask(request: { known: number; revision?: number; from: number }): Promise<RejectingPart> {
    const options = { requestId: "plans", projectId: 0, timeoutMs: askMsMax };
    return (await callService(this.#connection, "svc.plans.rejecting", request, options)) as RejectingPart;
  }
}
