// What the generator left in an installation, which is what the questions are about.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { KnownAnswersFile } from "../generate/known-answers.ts";
import { dayMs } from "../generate/plan.ts";

export interface DataSet {
  readonly projectId: number;
  readonly events: number;
  readonly users: number;
  /** Midnight UTC of the first day. */
  readonly fromMs: number;
  /** Midnight UTC after the last day. */
  readonly endMs: number;
  readonly days: number;
  /** False: only steps and rollups are left. */
  readonly hasRows: boolean;
}

export async function readDataSet(
  dataDir: string,
  project: string,
  stores: { clickhouse: ClickHouse; projectId: number },
): Promise<DataSet> {
  const path = join(dataDir, `known-answers-${project.replace(/[^\w-]/g, "_")}.json`);
  const file = JSON.parse(await readFile(path, "utf8")) as KnownAnswersFile;
  const plan = file.plan as { events: number; users: number; fromMs: number; endMs: number };
  const result = await stores.clickhouse.query({
    query:
      "SELECT 1 FROM events WHERE project_id = {project:UInt32} AND timestamp < {end:DateTime64(3)} LIMIT 1",
    query_params: { project: stores.projectId, end: plan.endMs / 1000 },
    format: "JSON",
  });
  return {
    projectId: stores.projectId,
    events: plan.events,
    users: plan.users,
    fromMs: plan.fromMs,
    endMs: plan.endMs,
    days: Math.round((plan.endMs - plan.fromMs) / dayMs),
    hasRows: (await result.json()).rows === 1,
  };
}
