// The service `cohorts`: makes, lists, shows and deletes cohorts, and adds ids to static ones.
import type { NatsConnection } from "@nats-io/transport-node";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Cohort } from "#schemas/cohorts/cohort.ts";
import { serve, type Call } from "#streams/services.ts";
import type { CohortRefresher } from "./cohort-refresher.ts";
import type { CohortStore, NewCohort, Pending } from "./cohort-store.ts";
import { parseObject, readCohort, readIds, type ReadCohort } from "./read-cohort.ts";
import { compileDefinition } from "./refresh-cohort.ts";
import { writeNobody } from "./write-members.ts";

/** A request that changes a cohort waits this long for the refresh; then it answers with what is there. */
const firstRefreshMsMax = 20_000;
const lookMsMin = 20;
const lookMsMax = 250;
const forgetMsMax = 10_000;

export function serveCohorts(options: {
  connection: NatsConnection;
  store: CohortStore;
  refresher: CohortRefresher;
  clickhouse: ClickHouse;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, store, refresher, clickhouse, log } = options;

  /** Refreshes are done by whichever worker has a lane free; the store tells when. */
  const afterRefresh = async (pending: Pending, call: Call): Promise<Cohort> => {
    refresher.wake();
    const deadlineMs = performance.now() + firstRefreshMsMax;
    for (let waitMs = lookMsMin; performance.now() < deadlineMs && !call.signal.aborted;) {
      if (await store.hasEnded(pending)) break;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(waitMs * 1.5, lookMsMax);
    }
    return store.find(call.projectId, pending.publicId);
  };

  const complete = async (cohort: ReadCohort, call: Call): Promise<NewCohort> => {
    if ("ids" in cohort) return cohort;
    // Wrong definitions and unknown cohorts are refused here.
    const { uses } = await compileDefinition(connection, call.projectId, cohort.definition, call);
    return { ...cohort, uses };
  };

  const idOf = (payload: Uint8Array): string => String(parseObject(payload)["id"]);

  return serve(connection, {
    service: "cohorts",
    log,
    methods: {
      create: async (payload, call) => {
        const cohort = await complete(await readCohort(payload, call), call);
        return afterRefresh(await store.create(call.projectId, cohort), call);
      },
      add_ids: async (payload, call) => {
        const ids = await readIds(payload, call);
        return afterRefresh(await store.addIds(call.projectId, String(call.parameters["id"]), ids), call);
      },
      list: async (_payload, call) => ({ cohorts: await store.list(call.projectId) }),
      get: (payload, call) => store.find(call.projectId, idOf(payload)),
      delete: async (payload, call) => {
        const id = idOf(payload);
        const { id: cohortId, generation } = await store.delete(call.projectId, id);
        // Nobody can name it any more; what is left of it in the analytics store is only room.
        await writeNobody(
          clickhouse,
          { projectId: call.projectId, cohortId, generation },
          AbortSignal.timeout(forgetMsMax),
        ).catch((error: unknown) =>
          log.warn({ err: error, cohort: cohortId }, "members could not be removed"),
        );
        return { id, deleted: true };
      },
    },
  });
}
