// Work that makes something of stored events ahead of questions, and may have read them before they were removed: waited
// for, by what claims say of it.
import { setTimeout as sleep } from "node:timers/promises";
import type { Postgres } from "#ops/runtime/postgres.ts";

const lookMs = 100;

const underWay = `
  SELECT format('selector %s %s', id, epoch) AS name FROM selectors WHERE project_id = $1 AND working_until > now()
  UNION ALL
  SELECT format('funnel %s %s', id, generation) FROM funnel_definitions WHERE project_id = $1 AND refreshing_until > now()
  UNION ALL
  SELECT format('cohort %s %s', id, generation) FROM cohorts WHERE project_id = $1 AND refreshing_until > now()`;

/** Resolves when all that is under way now has ended, or its lease has. */
export async function awaitDerivers(
  postgres: Postgres,
  projectId: number,
  signal: AbortSignal,
): Promise<void> {
  const before = new Set(await readDerivers(postgres, projectId));
  while (before.size > 0) {
    const now = await readDerivers(postgres, projectId);
    if (!now.some((name) => before.has(name))) return;
    await sleep(lookMs, undefined, { signal });
  }
}

async function readDerivers(postgres: Postgres, projectId: number): Promise<string[]> {
  const { rows } = await postgres.query<{ name: string }>(underWay, [projectId]);
  return rows.map(({ name }) => name);
}
