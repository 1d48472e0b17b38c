// How often each rule of the tracking plans was broken: gathered where events are checked, the pool's threads and the
// edges.
import type { PlanMode } from "./plan.ts";

/** What is to be added to the count of one rule. */
export interface ViolationTotal {
  projectId: number;
  event: string;
  /** Of arrival, UTC. */
  day: string;
  version: number;
  mode: PlanMode;
  path: string;
  rule: string;
  events: number;
}

/** Paths may be names that senders chose. */
const totalsMax = 5_000;

export class ViolationTotals {
  #totals = new Map<string, ViolationTotal>();

  add(violation: Omit<ViolationTotal, "events">): void {
    const { projectId, event, day, version, mode, path, rule } = violation;
    const key = JSON.stringify([projectId, event, day, version, mode, path, rule]);
    const total = this.#totals.get(key);
    if (total !== undefined) total.events += 1;
    else if (this.#totals.size < totalsMax) this.#totals.set(key, { ...violation, events: 1 });
  }

  /** All of them; counting begins anew. */
  take(): ViolationTotal[] {
    const taken = [...this.#totals.values()];
    this.#totals = new Map();
    return taken;
  }
}
