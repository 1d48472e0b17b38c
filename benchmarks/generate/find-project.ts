// The project that is generated into, by id or name; made when there is none.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { defaultProject, ProjectStore } from "#workers/projects/project-store.ts";

export interface FoundProject {
  readonly projectId: number;
  readonly publicId: string;
  readonly retentionDays: number;
  /** Of a project that was made: shown once. */
  readonly readKey: string | undefined;
}

export async function findProject(postgres: Postgres, name: string): Promise<FoundProject> {
  const found = await lookUp(postgres, name);
  if (found !== undefined) return { ...found, readKey: undefined };
  const projects = new ProjectStore(postgres);
  let readKey: string | undefined;
  // Its keys are those of the data directory; `start` writes them.
  if (name === defaultProject) await projects.ensureDefault({});
  else readKey = (await projects.create({ name, timezone: "UTC", eventsPerSecondMax: null })).keys.read;
  const made = await lookUp(postgres, name);
  if (made === undefined) throw new Error(`the project ${name} was made and is not there`);
  return { ...made, readKey };
}

async function lookUp(postgres: Postgres, name: string): Promise<Omit<FoundProject, "readKey"> | undefined> {
  const { rows } = await postgres.query<{ id: number; public_id: string; days: number | null }>(
    `SELECT id, public_id, (retention->>'raw_days')::int AS days FROM projects
     WHERE deleted_at IS NULL AND (public_id = $1 OR name = $1) ORDER BY public_id = $1 DESC, id LIMIT 1`,
    [name],
  );
  const row = rows[0];
  return row && { projectId: row.id, publicId: row.public_id, retentionDays: row.days ?? 0 };
}

/** Partitions of the log, which decide whose user an id is; those of the configuration before the first start. */
export async function countPartitions(postgres: Postgres, configured: number): Promise<number> {
  const { rows } = await postgres.query<{ partitions: number }>(
    "SELECT count(*)::int AS partitions FROM log_partitions",
  );
  return rows[0]?.partitions || configured;
}
