// What Postgres knows of a project when a query arrives: its limits, and how far the log is stored.
import { sessionIdle } from "#schemas/query/sessions.ts";
import { limitsInForce, type ProjectLimits } from "#schemas/projects/limits.ts";
import { rangesOfMonths } from "#schemas/retention/month.ts";
import type { Expiry } from "../expiry/expiry.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";

export interface ProjectState {
  readonly limits: ProjectLimits;
  /** Equal while nothing was stored: committed sequences of all partitions. */
  readonly positions: string;
  /** Counts changes of stored events that did not come through the log. */
  readonly epoch: string;
  /** True when no batch is being written: all tables of the store then tell of the same events. */
  readonly settled: boolean;
  /** True when ids of the project were joined. */
  readonly merged: boolean;
  readonly sessionIdleMs: number;
  readonly expiry: Expiry;
}

export async function readProjectState(postgres: Postgres, projectId: number): Promise<ProjectState> {
  const { rows } = await postgres.query<{
    limits: Record<string, unknown> | null;
    epoch: string | null;
    positions: string | null;
    settled: boolean | null;
    merged: boolean;
    session_idle_minutes: number | null;
    months_gone: number[] | null;
    aggregates_from: Date | null;
  }>(
    `SELECT (SELECT limits FROM projects WHERE id = $1) AS limits,
            (SELECT answers_epoch FROM projects WHERE id = $1) AS epoch,
            (SELECT aggregates_from FROM projects WHERE id = $1) AS aggregates_from,
            (SELECT session_idle_minutes FROM projects WHERE id = $1) AS session_idle_minutes,
            EXISTS (SELECT FROM user_persons WHERE project_id = $1) AS merged,
            (SELECT array_agg(month) FROM raw_months_gone WHERE project_id = $1 AND NOT restored) AS months_gone,
            string_agg(partition || ':' || log_id || ':' || committed_sequence, ' ' ORDER BY partition) AS positions,
            bool_and(intent_from IS NULL) AS settled
     FROM log_partitions`,
    [projectId],
  );
  const row = rows[0];
  return {
    limits: limitsInForce(row?.limits),
    positions: row?.positions ?? "",
    epoch: row?.epoch ?? "0",
    settled: row?.settled ?? true,
    merged: row?.merged ?? false,
    sessionIdleMs: (row?.session_idle_minutes ?? sessionIdle.minutesDefault) * 60_000,
    expiry: {
      rawGone: rangesOfMonths(row?.months_gone ?? []),
      aggregatesFromMs: row?.aggregates_from?.getTime(),
    },
  };
}
