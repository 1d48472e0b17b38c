// What the relational store holds of a person beside its numbers: lists of ids, and answers that were made with it.
import { transact } from "#ops/runtime/transact.ts";
import { learnedOrigin } from "#schemas/selectors/demand.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";

/** Answers how many entries were removed, by place. Once they are gone there is nothing to remove again. */
export async function forgetInRelations(
  postgres: Postgres,
  { projectId }: { readonly projectId: number },
  ids: readonly string[],
): Promise<Record<string, number>> {
  return transact(postgres, async (client) => {
    const listed = await client.query(
      `DELETE FROM cohort_ids USING cohorts
       WHERE cohort_id = cohorts.id AND cohorts.project_id = $1 AND cohort_ids.user_id = ANY ($2)`,
      [projectId, ids],
    );
    await client.query(
      `UPDATE cohorts SET ids_count = (SELECT count(*) FROM cohort_ids WHERE cohort_id = cohorts.id)
       WHERE project_id = $1 AND definition IS NULL`,
      [projectId],
    );
    // Sizes and members as they are without the person, at once. The stored sets were cut meanwhile: as after a refresh
    // that did not end, nothing that is known of them counts.
    await client.query(
      `UPDATE cohorts SET refresh_due_at = '-infinity', persons_digest = NULL, ended_generation = generation - 1
       WHERE project_id = $1 AND deleted_at IS NULL`,
      [projectId],
    );
    for (const statement of [
      "UPDATE selectors SET due_at = '-infinity' WHERE project_id = $1 AND NOT removed",
      // Somebody may have asked for the person by a property; what is worth it is learned again.
      `DELETE FROM selector_uses USING selectors WHERE selector_id = id AND project_id = $1 AND origin = '${learnedOrigin}'
         AND json_array_length(definition->'filters') > 0`,
      "DELETE FROM selector_demand WHERE project_id = $1 AND json_array_length(definition->'filters') > 0",
      "UPDATE funnel_definitions SET refresh_due_at = '-infinity' WHERE project_id = $1",
      // Begun again: what they have read so far may be of the person.
      `UPDATE query_jobs SET state = 'queued', attempt = attempt + 1, lease_until = '-infinity', progress = 0
       WHERE project_id = $1 AND state = 'running'`,
    ]) {
      await client.query(statement, [projectId]);
    }
    const answers = await client.query(
      "DELETE FROM query_jobs WHERE project_id = $1 AND state IN ('done', 'failed', 'cancelled')",
      [projectId],
    );
    return { cohort_ids: listed.rowCount ?? 0, query_jobs: answers.rowCount ?? 0 };
  });
}
