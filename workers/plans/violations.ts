// How often each rule of the tracking plans was broken: an effect of the batch that holds the events.
import type { ClientBase } from "pg";
import type { PlanMode } from "#schemas/plans/plan.ts";

/** What a batch adds to the count of one rule. */
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

/** Of one batch: paths may be names that senders chose. */
const totalsMax = 5_000;

export class ViolationTotals {
  readonly #totals = new Map<string, ViolationTotal>();

  add(violation: Omit<ViolationTotal, "events">): void {
    const { projectId, event, day, version, mode, path, rule } = violation;
    const key = JSON.stringify([projectId, event, day, version, mode, path, rule]);
    const total = this.#totals.get(key);
    if (total !== undefined) total.events += 1;
    else if (this.#totals.size < totalsMax) this.#totals.set(key, { ...violation, events: 1 });
  }

  get list(): ViolationTotal[] {
    return [...this.#totals.values()];
  }
}

export async function writeViolations(
  client: ClientBase,
  partition: number,
  totals: readonly ViolationTotal[],
): Promise<void> {
  const column = <K extends keyof ViolationTotal>(name: K): ViolationTotal[K][] =>
    totals.map((each) => each[name]);
  await client.query(
    `INSERT INTO plan_violations AS old (project_id, event, day, version, mode, path, rule, partition, events)
     SELECT project_id, event, day, version, mode, path, rule, $1, events
     FROM unnest($2::int[], $3::text[], $4::date[], $5::int[], $6::text[], $7::text[], $8::text[], $9::bigint[])
       AS added (project_id, event, day, version, mode, path, rule, events)
     ON CONFLICT (project_id, event, day, version, mode, path, rule, partition)
     DO UPDATE SET events = old.events + excluded.events`,
    [
      partition,
      column("projectId"),
      column("event"),
      column("day"),
      column("version"),
      column("mode"),
      column("path"),
      column("rule"),
      column("events"),
    ],
  );
}
