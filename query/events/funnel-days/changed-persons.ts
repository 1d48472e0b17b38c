// Whose events joins of ids changed since a version: they are left out of the days that were kept before, and
// computed from rows instead. Joins of one project are committed and published in the order of their versions, so a
// version stands for everything up to it.
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";

/** More ids than this were joined: the kept days are of no use until they are made again. */
export const changedIdsMax = 5_000;

/** The version up to which every join is in the analytics store, in all of its servers. */
export async function readPersonsVersion(run: QueryRun, postgres: Pick<Postgres, "query">): Promise<number> {
  const stored = await readStoredVersion(run);
  // In a cluster, of one insert some servers' rows may be there and others not: it is still to be removed here then.
  const { rows } = await postgres.query<{ version: string | null }>(
    "SELECT min(version) AS version FROM person_changes WHERE project_id = $1",
    [run.projectId],
  );
  const pending = rows[0]?.version ?? null;
  return pending === null ? stored : Math.min(stored, Number(pending) - 1);
}

/** The highest version of the project's joins; 0 when there are none. */
export async function readStoredVersion(run: QueryRun): Promise<number> {
  const rows = await run.rows(
    { step: "version of persons", sources: [] },
    { sql: `SELECT max(version) ${fromTable("person_history", [])}`, parameters: {} },
  );
  return Number(rows[0]?.[0] ?? 0);
}

export interface ChangedPersons {
  /** Persons, as they are now and as they were, whose events are not those that they were. */
  readonly persons: Uint32Array;
  /** User numbers of those who are persons now. */
  readonly users: readonly number[];
}

/** Undefined: too many. */
export async function readChangedPersons(
  run: QueryRun,
  sinceVersion: number,
): Promise<ChangedPersons | undefined> {
  const changes = new Parameters();
  const since = changes.bind("UInt64", sinceVersion);
  const ids = `SELECT DISTINCT user_number ${fromTable("person_history", [`version > ${since}`])}
    LIMIT ${changedIdsMax + 1}`;
  const rows = await run.rows(
    { step: "ids joined since the days were made", sources: ["person_history"] },
    {
      sql: `SELECT user_number, argMax(person_number, version) AS now,
              argMaxIf(person_number, version, version <= ${since}) AS was, countIf(version <= ${since}) AS known
            ${fromTable("person_history", [`user_number GLOBAL IN (${ids})`])} GROUP BY user_number`,
      parameters: changes.values,
    },
  );
  if (rows.length > changedIdsMax) return undefined;
  const persons = new Set<number>();
  for (const row of rows) {
    const [user, now, was, known] = row.map(Number) as [number, number, number, number];
    persons.add(user);
    persons.add(now);
    if (known > 0) persons.add(was);
  }
  if (persons.size === 0) return { persons: new Uint32Array(0), users: [] };
  const parameters = new Parameters();
  const among = parameters.bind("Array(UInt32)", [...persons]);
  const members = await run.rows(
    { step: "ids of these persons", sources: ["persons"] },
    {
      sql: `SELECT user_number ${fromTable("persons", [`person_number IN ${among}`], "FINAL")}
            LIMIT ${2 * changedIdsMax + 1}`,
      parameters: parameters.values,
    },
  );
  if (members.length > 2 * changedIdsMax) return undefined;
  return {
    persons: Uint32Array.from(persons),
    users: [...new Set([...persons, ...members.map((row) => Number(row[0]))])],
  };
}
