// What became of the events of a batch, by project and day of arrival: one of the batch's effects.
import type { ClientBase } from "pg";
import { dayOf } from "#schemas/projects/usage.ts";
import type { Outcome, PipelineEvent } from "../events/pipeline-event.ts";

export interface UsageTotal {
  projectId: number;
  day: string;
  stored: number;
  duplicates: number;
  quarantined: number;
}

const dayMs = 86_400_000;

export function gatherUsage(stored: readonly PipelineEvent[], outcomes: readonly Outcome[]): UsageTotal[] {
  const totals = new Map<string, UsageTotal>();
  let last: UsageTotal | undefined;
  let lastDay = -1;
  const find = ({ log }: PipelineEvent): UsageTotal => {
    // Nearly all events of a batch are of one project and day.
    const day = Math.floor(log.received_at / dayMs);
    if (last?.projectId === log.project_id && day === lastDay) return last;
    const place = `${log.project_id}:${day}`;
    lastDay = day;
    last = totals.get(place) ?? {
      projectId: log.project_id,
      day: dayOf(day * dayMs),
      stored: 0,
      duplicates: 0,
      quarantined: 0,
    };
    totals.set(place, last);
    return last;
  };
  for (const event of stored) find(event).stored += 1;
  for (const { event, outcome } of outcomes) {
    const total = find(event);
    if (outcome === "duplicate") total.duplicates += 1;
    else total.quarantined += 1;
  }
  return [...totals.values()];
}

/** Within the transaction that commits the batch. */
export async function writeUsage(
  client: ClientBase,
  partition: number,
  totals: readonly UsageTotal[],
): Promise<void> {
  await client.query(
    `INSERT INTO usage_events (project_id, day, partition, stored, duplicates, quarantined)
     SELECT project_id, day, $1, stored, duplicates, quarantined
     FROM unnest($2::int[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[])
       AS total (project_id, day, stored, duplicates, quarantined)
     ON CONFLICT (project_id, day, partition) DO UPDATE SET
       stored = usage_events.stored + excluded.stored,
       duplicates = usage_events.duplicates + excluded.duplicates,
       quarantined = usage_events.quarantined + excluded.quarantined`,
    [
      partition,
      totals.map((total) => total.projectId),
      totals.map((total) => total.day),
      totals.map((total) => total.stored),
      totals.map((total) => total.duplicates),
      totals.map((total) => total.quarantined),
    ],
  );
}
