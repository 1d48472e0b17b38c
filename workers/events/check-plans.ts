// Step 3: are the properties as the tracking plan of the event says? What differs is counted, and in the modes
// quarantine and reject kept aside (the edge refuses what it can by itself; it may have learnt of a plan later).
import { describeViolations, plannedPart, type Violation } from "#schemas/plans/compile-plan.ts";
import { ViolationTotals, type ViolationTotal } from "#schemas/plans/violation-totals.ts";
import { dayOf } from "#schemas/projects/usage.ts";
import { openPlans, type SharedPlans, type ThreadPlan } from "../plans/shared-plans.ts";
import type { Outcome, PipelineEvent } from "./pipeline-event.ts";

/** An event that is not as planned, whatever becomes of it. */
export interface DifferingEvent {
  readonly event: PipelineEvent;
  readonly plan: ThreadPlan;
  readonly violations: readonly Violation[];
}

export interface PlanVerdicts {
  /** As planned, unplanned, or only observed. */
  readonly passed: readonly PipelineEvent[];
  readonly violating: readonly Outcome[];
  readonly differing: readonly DifferingEvent[];
}

export function checkPlans(events: readonly PipelineEvent[], plans: SharedPlans): PlanVerdicts {
  const findPlan = openPlans(plans);
  if (findPlan === undefined) return { passed: events, violating: [], differing: [] };
  const passed: PipelineEvent[] = [];
  const violating: Outcome[] = [];
  const differing: DifferingEvent[] = [];
  for (const event of events) {
    const { log } = event;
    const plan = findPlan(log.project_id, log.event);
    const violations =
      plan === undefined ? [] : plan.check(plannedPart(JSON.parse(log.properties) as object));
    if (plan === undefined || violations.length === 0) {
      passed.push(event);
      continue;
    }
    differing.push({ event, plan, violations });
    if (plan.mode === "observe") passed.push(event);
    else
      violating.push({
        event,
        outcome: "quarantined",
        reason: "PLAN_VIOLATED",
        message: describeViolations(violations),
      });
  }
  return { passed, violating, differing };
}

/** A repeat of a stored event is no further violation. */
export function countViolations(
  differing: readonly DifferingEvent[],
  outcomes: readonly Outcome[],
): ViolationTotal[] {
  if (differing.length === 0) return [];
  const repeated = new Set(
    outcomes.filter(({ outcome }) => outcome === "duplicate").map(({ event }) => event),
  );
  const totals = new ViolationTotals();
  for (const { event, plan, violations } of differing) {
    if (repeated.has(event)) continue;
    const { projectId, version, mode } = plan;
    const day = dayOf(event.log.received_at);
    for (const { path, rule } of violations) {
      totals.add({ projectId, event: event.log.event, day, version, mode, path, rule });
    }
  }
  return totals.take();
}
