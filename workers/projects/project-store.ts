// Projects and keys in the relational store.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { limitsInForce, type ProjectLimits, type ProjectLimitsChange } from "#schemas/projects/limits.ts";
import { firstScopes, type FirstScope, type KeyScope, type ResolvedKey } from "#schemas/projects/project.ts";
import type { Project, ProjectChange } from "#schemas/projects/settings.ts";
import { createKey, hashKey, hintOf } from "./keys.ts";

export const defaultProject = "default";

export type ProjectKeys = Record<FirstScope, string>;

interface ProjectRow {
  public_id: string;
  name: string;
  timezone: string;
  limits: { events_per_second_max?: number };
  session_idle_minutes: number;
  created_at: Date;
}

function buildProject(row: ProjectRow): Project {
  return {
    id: row.public_id,
    name: row.name,
    timezone: row.timezone,
    events_per_second_max: row.limits.events_per_second_max ?? null,
    session_idle_minutes: row.session_idle_minutes,
    created_at: row.created_at.toISOString(),
  };
}

export class ProjectStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Makes the project `default`, and makes exactly the given keys its configured ones. */
  async ensureDefault(keys: Partial<ProjectKeys>): Promise<void> {
    const { rows } = await this.#postgres.query<{ id: number }>(
      `INSERT INTO projects (public_id, name) VALUES ($1, $1)
       ON CONFLICT (public_id) DO UPDATE SET public_id = excluded.public_id RETURNING id`,
      [defaultProject],
    );
    const projectId = (rows[0] as { id: number }).id;
    for (const scope of firstScopes) {
      const key = keys[scope];
      if (key === undefined) continue;
      // What a request revoked stays revoked, whatever the configuration says.
      await this.#postgres.query(
        `INSERT INTO api_keys (project_id, scopes, key_hash, hint, origin) VALUES ($1, ARRAY[$2], $3, $4, 'configured')
         ON CONFLICT (key_hash) DO UPDATE SET
           origin = 'configured',
           revoked_at = CASE api_keys.revoked_by WHEN 'request' THEN api_keys.revoked_at END,
           revoked_by = CASE api_keys.revoked_by WHEN 'request' THEN api_keys.revoked_by END`,
        [projectId, scope, hashKey(key), hintOf(key)],
      );
      // A key that was rotated keeps its time of grace.
      await this.#postgres.query(
        `UPDATE api_keys SET revoked_at = now(), revoked_by = 'configuration'
         WHERE project_id = $1 AND scopes = ARRAY[$2] AND origin = 'configured' AND key_hash <> $3
           AND revoked_at IS NULL AND rotated_to IS NULL`,
        [projectId, scope, hashKey(key)],
      );
    }
  }

  /** What a key may do, or null when no such key is valid. */
  async resolveKey(keyHash: Buffer): Promise<ResolvedKey | null> {
    const { rows } = await this.#postgres.query<{
      id: number;
      public_id: string;
      key_id: string;
      hint: string;
      scopes: KeyScope[];
      expires_at: Date | null;
      timezone: string;
      limits: Record<string, unknown>;
      retention: { raw_days?: number };
    }>(
      `SELECT projects.id, projects.public_id, api_keys.public_id AS key_id, hint, scopes, expires_at, timezone, limits,
              retention
       FROM api_keys JOIN projects ON projects.id = project_id
       WHERE key_hash = $1 AND revoked_at IS NULL AND deleted_at IS NULL
         AND (expires_at IS NULL OR expires_at > now())`,
      [keyHash],
    );
    const row = rows[0];
    if (!row) return null;
    const limits = limitsInForce(row.limits);
    return {
      projectId: row.id,
      publicId: row.public_id,
      keyId: row.key_id,
      keyHint: row.hint,
      scopes: row.scopes,
      expiresAtMs: row.expires_at?.getTime() ?? null,
      timezone: row.timezone,
      eventsPerSecondMax: limits.events_per_second_max,
      eventsPerDayMax: limits.events_per_day_max,
      eventsPerMonthMax: limits.events_per_month_max,
      retentionDays: row.retention.raw_days ?? 0,
    };
  }

  async create(options: {
    name: string;
    timezone: string;
    eventsPerSecondMax: number | null;
  }): Promise<Project & { keys: ProjectKeys }> {
    const keys = Object.fromEntries(firstScopes.map((scope) => [scope, createKey(scope)])) as ProjectKeys;
    const publicId = `prj_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
    const limits =
      options.eventsPerSecondMax === null ? {} : { events_per_second_max: options.eventsPerSecondMax };
    const { rows } = await this.#postgres.query<ProjectRow>(
      `WITH project AS (
         INSERT INTO projects (public_id, name, timezone, limits) VALUES ($1, $2, $3, $4) RETURNING *),
       keys AS (
         INSERT INTO api_keys (project_id, scopes, key_hash, hint)
         SELECT project.id, ARRAY[given.scope], given.key_hash, given.hint
         FROM project, unnest($5::text[], $6::bytea[], $7::text[]) AS given (scope, key_hash, hint))
       SELECT public_id, name, timezone, limits, session_idle_minutes, created_at FROM project`,
      [
        publicId,
        options.name,
        options.timezone,
        JSON.stringify(limits),
        firstScopes,
        firstScopes.map((scope) => hashKey(keys[scope])),
        firstScopes.map((scope) => hintOf(keys[scope])),
      ],
    );
    return { ...buildProject(rows[0] as ProjectRow), keys };
  }

  /** All projects, or only the one with the given internal id. */
  async list(onlyId: number | null): Promise<Project[]> {
    const { rows } = await this.#postgres.query<ProjectRow>(
      `SELECT public_id, name, timezone, limits, session_idle_minutes, created_at FROM projects
       WHERE deleted_at IS NULL AND ($1::int IS NULL OR id = $1) ORDER BY id LIMIT 10000`,
      [onlyId],
    );
    return rows.map(buildProject);
  }

  /** Throws PROJECT_NOT_FOUND. */
  async find(projectId: number): Promise<Project> {
    const [found] = await this.list(projectId);
    if (found === undefined) throw new MillraceError("PROJECT_NOT_FOUND");
    return found;
  }

  /** What is not named stays. Throws PROJECT_NOT_FOUND. */
  async change(projectId: number, change: ProjectChange): Promise<Project> {
    const { rows } = await this.#postgres.query<ProjectRow>(
      `UPDATE projects SET name = coalesce($2, name), timezone = coalesce($3, timezone),
              session_idle_minutes = coalesce($4, session_idle_minutes)
       WHERE id = $1 AND deleted_at IS NULL RETURNING public_id, name, timezone, limits, session_idle_minutes, created_at`,
      [projectId, change.name ?? null, change.timezone ?? null, change.session_idle_minutes ?? null],
    );
    if (rows[0] === undefined) throw new MillraceError("PROJECT_NOT_FOUND");
    return buildProject(rows[0]);
  }

  async publicId(projectId: number): Promise<string> {
    const { rows } = await this.#postgres.query<{ public_id: string }>(
      "SELECT public_id FROM projects WHERE id = $1",
      [projectId],
    );
    return rows[0]?.public_id ?? "";
  }

  async limits(projectId: number): Promise<ProjectLimits> {
    const { rows } = await this.#postgres.query<{ limits: Record<string, unknown> }>(
      "SELECT limits FROM projects WHERE id = $1",
      [projectId],
    );
    return limitsInForce(rows[0]?.limits);
  }

  /** What is not named goes back to its default. */
  async setLimits(projectId: number, change: ProjectLimitsChange): Promise<ProjectLimits> {
    const kept = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== null));
    await this.#postgres.query("UPDATE projects SET limits = $2 WHERE id = $1", [
      projectId,
      JSON.stringify(kept),
    ]);
    return limitsInForce(kept);
  }

  async findId(publicId: string): Promise<number | undefined> {
    const { rows } = await this.#postgres.query<{ id: number }>(
      "SELECT id FROM projects WHERE public_id = $1 AND deleted_at IS NULL",
      [publicId],
    );
    return rows[0]?.id;
  }

  /** Revokes all keys and forgets the batches' row counts, since the project's rows are about to go. */
  async delete(projectId: number): Promise<void> {
    await this.#postgres.query(
      `WITH revoked AS (UPDATE api_keys SET revoked_at = now(), revoked_by = 'request'
         WHERE project_id = $1 AND revoked_at IS NULL)
       UPDATE projects SET deleted_at = now() WHERE id = $1`,
      [projectId],
    );
  }

  /** Days that raw events are kept, of projects that do not keep them for ever. */
  async retentionDays(): Promise<[projectId: number, days: number][]> {
    const { rows } = await this.#postgres.query<{ id: number; days: number }>(
      `SELECT id, (retention->>'raw_days')::int AS days FROM projects WHERE retention ? 'raw_days'`,
    );
    return rows.map((row) => [row.id, row.days]);
  }
}
