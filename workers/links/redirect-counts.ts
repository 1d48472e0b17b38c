// How often a link was redirected altogether, for an edge whose Redis lost the count: `svc.links.count_redirects`.
// Exact as of the call: everything that was in the log then is waited for.
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { lastSequences, readLogState } from "#streams/log-state.ts";
import { serve } from "#streams/services.ts";

/** Clicks of redirects that were answered just before are on their way into the log. */
const onTheWayMs = 250;
const pollMs = 50;
/** The edge waits a little longer. */
const waitMsMax = 9_000;

export function serveRedirectCounts(options: {
  connection: NatsConnection;
  postgres: Postgres;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, postgres, log } = options;
  return serve(connection, {
    service: "links",
    log,
    methods: {
      count_redirects: async (payload, call) => {
        const asked = JSON.parse(new TextDecoder().decode(payload)) as { projectId: number; linkId: string };
        await sleep(onTheWayMs);
        await awaitStored(connection, postgres, call.signal);
        // A redirect is counted as exactly one of the three.
        const { rows } = await postgres.query<{ count: string }>(
          `SELECT coalesce(sum(clicks + bots + previews), 0) AS count FROM link_totals
           WHERE project_id = $1 AND link_id = $2`,
          [asked.projectId, asked.linkId],
        );
        return { count: Number(rows[0]?.count ?? 0) };
      },
    },
  });
}

/** Resolves when all that is in the log now is stored. Throws BEHIND when that takes too long. */
async function awaitStored(
  connection: NatsConnection,
  postgres: Postgres,
  signal: AbortSignal,
): Promise<void> {
  const { logId } = await readLogState(connection);
  const last = await lastSequences(connection);
  for (let waitedMs = 0; waitedMs <= waitMsMax; waitedMs += pollMs) {
    const { rows } = await postgres.query<{ partition: number; committed: string }>(
      "SELECT partition, committed_sequence AS committed FROM log_partitions WHERE log_id = $1",
      [logId],
    );
    const committed = new Map(rows.map((row) => [row.partition, Number(row.committed)]));
    if ([...last].every(([partition, sequence]) => (committed.get(partition) ?? 0) >= sequence)) return;
    await sleep(pollMs, undefined, { signal });
  }
  throw new MillraceError("BEHIND", { retryAfterSeconds: 1 });
}
