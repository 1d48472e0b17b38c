// The plans in force as the pool's threads get them: as text in shared memory, read once by each thread. As values they
// would be copied with every batch; a thousand plans of 1 KB are 3 ms of it.
import { compilePlan, type CheckProperties } from "#schemas/plans/compile-plan.ts";
import type { ActivePlan, ActivePlans } from "#schemas/plans/plan.ts";

export interface SharedPlans {
  readonly revision: number;
  /** Of this reading: threads tell by it whether they know these plans. */
  readonly id: string;
  /** Undefined when there are none. */
  readonly text: SharedArrayBuffer | undefined;
}

export interface ThreadPlan extends ActivePlan {
  /** Compiled when the first event meets it. */
  readonly check: CheckProperties;
}

export type FindPlan = (projectId: number, event: string) => ThreadPlan | undefined;

/** A batch that is redone may need older ones than the others. */
const knownMax = 2;
const known = new Map<string, FindPlan>();

export function sharePlans({ revision, plans }: ActivePlans): SharedPlans {
  const id = crypto.randomUUID();
  if (plans.length === 0) return { revision, id, text: undefined };
  const bytes = Buffer.from(JSON.stringify(plans));
  const text = new SharedArrayBuffer(bytes.length);
  new Uint8Array(text).set(bytes);
  return { revision, id, text };
}

/** Undefined when there are no plans at all. */
export function openPlans({ id, text }: SharedPlans): FindPlan | undefined {
  if (text === undefined) return undefined;
  const opened = known.get(id);
  if (opened !== undefined) return opened;
  const plans = JSON.parse(Buffer.from(text).toString()) as ActivePlan[];
  const byEvent = new Map(plans.map((plan) => [keyOf(plan.projectId, plan.event), lazily(plan)]));
  const find: FindPlan = (projectId, event) => byEvent.get(keyOf(projectId, event));
  if (known.size >= knownMax) known.delete(known.keys().next().value as string);
  known.set(id, find);
  return find;
}

function lazily(plan: ActivePlan): ThreadPlan {
  let check: CheckProperties | undefined;
  return { ...plan, check: (properties) => (check ??= compilePlan(plan.schema))(properties) };
}

function keyOf(projectId: number, event: string): string {
  return `${projectId} ${event}`;
}
