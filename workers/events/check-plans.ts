// Step 3: are the properties as the tracking plan of the event says? What differs is counted, and in the modes
// quarantine and reject kept aside (the edge refuses what it can by itself; it may have learnt of a plan later).
import {
  compilePlan,
  describeViolations,
  plannedPart,
  type CheckProperties,
} from "#schemas/plans/compile-plan.ts";
import type { ActivePlan } from "#schemas/plans/plan.ts";
import { ViolationTotals, type ViolationTotal } from "../plans/violations.ts";
import type { Outcome, PipelineEvent } from "./pipeline-event.ts";

const dayMs = 86_400_000;

interface CompiledPlan extends ActivePlan {
  readonly check: CheckProperties;
}

export interface PlanVerdicts {
  /** As planned, unplanned, or only observed. */
  readonly passed: PipelineEvent[];
  readonly violating: Outcome[];
  readonly violations: ViolationTotal[];
}

export function checkPlans(events: readonly PipelineEvent[], plans: readonly ActivePlan[]): PlanVerdicts {
  if (plans.length === 0) return { passed: events as PipelineEvent[], violating: [], violations: [] };
  const byEvent = new Map<string, CompiledPlan>();
  for (const plan of plans)
    byEvent.set(keyOf(plan.projectId, plan.event), { ...plan, check: compilePlan(plan.schema) });
  const passed: PipelineEvent[] = [];
  const violating: Outcome[] = [];
  const totals = new ViolationTotals();
  for (const event of events) {
    const { log } = event;
    const plan = byEvent.get(keyOf(log.project_id, log.event));
    const violations =
      plan === undefined ? [] : plan.check(plannedPart(JSON.parse(log.properties) as object));
    if (plan === undefined || violations.length === 0) {
      passed.push(event);
      continue;
    }
    const day = new Date(Math.floor(log.received_at / dayMs) * dayMs).toISOString().slice(0, 10);
    const { projectId, version, mode } = plan;
    for (const { path, rule } of violations) {
      totals.add({ projectId, event: log.event, day, version, mode, path, rule });
    }
    if (mode === "observe") passed.push(event);
    else
      violating.push({
        event,
        outcome: "quarantined",
        reason: "PLAN_VIOLATED",
        message: describeViolations(violations),
      });
  }
  return { passed, violating, violations: totals.list };
}

function keyOf(projectId: number, event: string): string {
  return `${projectId} ${event}`;
}
