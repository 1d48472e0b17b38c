// svc.query.check_insight: whether a query can be saved. The workers ask before they store one.
import type { CheckedInsight, InsightKind, InsightRange } from "#schemas/insights/insight.ts";
import { funnelDaysMax, type KeptFunnel } from "#schemas/insights/funnel-days.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "../parse-body.ts";
import { loadPeople } from "../people/people.ts";
import { defineFunnel } from "../events/funnel-days/definition.ts";
import { readFunnelRequest } from "../events/funnel/request.ts";
import type { QueryContext } from "../query-context.ts";
import { applyRange } from "./apply-range.ts";
import { savableKinds } from "./kinds.ts";
import { insideQuery } from "./problems.ts";

interface Asked {
  readonly kind: InsightKind;
  readonly query: Record<string, unknown>;
  readonly range?: InsightRange;
}

/** Throws INVALID_QUERY with the path of every wrong field, beginning with `query` or `range`. */
export async function checkInsight(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
): Promise<CheckedInsight> {
  const { kind, query, range = null } = parseBody(payload) as Asked;
  const nowMs = Date.now();
  return insideQuery(async () => {
    const asked = applyRange({ kind, query, range }, {}, nowMs);
    const { cohortsUsed } = savableKinds[kind].read(asked, nowMs);
    await loadPeople(context.postgres, call.projectId, cohortsUsed);
    return { funnel: kind === "funnel" ? keptFunnel(asked, nowMs) : null };
  });
}

const dayMs = 86_400_000;

function keptFunnel(query: Record<string, unknown>, nowMs: number): KeptFunnel | null {
  const request = readFunnelRequest(query, nowMs);
  const definition = defineFunnel(request);
  if (definition === undefined) return null;
  const { timezone: zone = "UTC" } = query as { timezone?: string };
  // One more than the range has, which may begin and end inside a day.
  const days = Math.ceil(Math.max(0, nowMs - request.fromMs) / dayMs) + 1;
  return { ...definition, zone, days: Math.min(days, funnelDaysMax) };
}
