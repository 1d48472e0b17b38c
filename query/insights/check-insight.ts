// svc.query.check_insight: whether a query can be saved. The workers ask before they store one.
import type { CheckedInsight, InsightKind, InsightRange } from "#schemas/insights/insight.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "../parse-body.ts";
import { loadPeople } from "../people/people.ts";
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
    return {};
  });
}
