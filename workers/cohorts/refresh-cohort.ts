// One refresh of one cohort: find its people, write them, say how many they are.
//   with a definition: ask the query tier for the statement ▸ run it as the tables' owner
//   static: look the ids up ▸ write the persons, when they changed
import type { NatsConnection } from "@nats-io/transport-node";
import type { CohortStatement } from "#schemas/cohorts/cohort.ts";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { callService } from "#streams/call-service.ts";
import { digestPersons, findPersons } from "./find-persons.ts";
import type { Claim, Refreshed } from "./refresh-ledger.ts";
import { readSize, writeNobody, writePersons, writeSelected } from "./write-members.ts";

/** Compiling reads little; a query tier that is busy for longer is asked again by the next refresh. */
const compileMsMax = 10_000;

export interface RefreshStores {
  readonly connection: NatsConnection;
  readonly postgres: Postgres;
  readonly clickhouse: ClickHouse;
}

/** Throws INVALID_QUERY that names what is wrong with the definition. */
export async function compileDefinition(
  connection: NatsConnection,
  projectId: number,
  definition: unknown,
  call: { requestId: string; traceparent?: string | undefined },
): Promise<CohortStatement> {
  return (await callService(
    connection,
    "svc.query.cohort_statement",
    { definition },
    { ...call, projectId, timeoutMs: compileMsMax },
  )) as CohortStatement;
}

export async function refreshCohort(
  stores: RefreshStores,
  claim: Claim,
  signal: AbortSignal,
): Promise<Refreshed> {
  const startedMs = performance.now();
  const found =
    claim.definition === null
      ? await refreshStatic(stores, claim, signal)
      : await refreshBehavioural(stores, claim, signal);
  return { ...found, workMs: performance.now() - startedMs };
}

async function refreshBehavioural(
  stores: RefreshStores,
  claim: Claim,
  signal: AbortSignal,
): Promise<Omit<Refreshed, "workMs">> {
  const requestId = `cohort-${claim.cohortId}-${claim.generation}`;
  const statement = await compileDefinition(stores.connection, claim.projectId, claim.definition, {
    requestId,
  });
  const written = await writeSelected(stores.clickhouse, claim, statement, signal);
  const size = written || claim.size === null ? await readSize(stores.clickhouse, claim, signal) : claim.size;
  return { asOfMs: statement.asOfMs, size, personsDigest: null };
}

async function refreshStatic(
  stores: RefreshStores,
  claim: Claim,
  signal: AbortSignal,
): Promise<Omit<Refreshed, "workMs">> {
  const { postgres, clickhouse } = stores;
  const { projectId, cohortId, size } = claim;
  const asOfMs = Date.now();
  const personsDigest = await digestPersons(postgres, projectId, cohortId);
  if (personsDigest === claim.personsDigest && size !== null) return { asOfMs, size, personsDigest };
  // Nothing to send makes no insert.
  if (personsDigest.startsWith("0:")) await writeNobody(clickhouse, claim, signal);
  else await writePersons(clickhouse, claim, findPersons(postgres, projectId, cohortId), signal);
  return { asOfMs, size: await readSize(clickhouse, claim, signal), personsDigest };
}
