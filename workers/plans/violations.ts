// How often each rule of the tracking plans was broken: an effect of the batch that holds the events, or
// reported by the edge that refused them.
import type { ClientBase } from "pg";
import type { ViolationTotal } from "#schemas/plans/violation-totals.ts";

/** Stands for the edges in the place of a partition: what they refused is in no partition. */
export const edgesPartition = -1;

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
     ORDER BY project_id, event, day, version, mode, path, rule
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
