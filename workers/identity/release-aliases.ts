// When ids that were reserved turn out to have had events before an alias took them for unused: takes the alias back.
// Happens when the partitions of the two ids are processed out of order, within a second or two.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { lockPersons, releaseAliases } from "./person-store.ts";

/** Answers whether any was. */
export async function releaseAliasesOf(
  postgres: Postgres,
  users: readonly { projectId: number; userNumber: number; arrivedMs: number }[],
): Promise<boolean> {
  let released = false;
  for (const projectId of new Set(users.map((user) => user.projectId))) {
    const ids = users
      .filter((user) => user.projectId === projectId)
      .map(({ userNumber, arrivedMs }) => ({ number: userNumber, arrivedMs }));
    const client = await postgres.connect();
    try {
      await client.query("BEGIN");
      await lockPersons(client, projectId);
      if (await releaseAliases(client, projectId, ids)) released = true;
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }
  return released;
}
