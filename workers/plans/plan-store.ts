// Tracking plans in the relational store: every change is a revision, and the latest of an event is in force.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import { MillraceError } from "#schemas/errors.ts";
import { findBreak } from "#schemas/plans/compatibility.ts";
import {
  planLimits,
  type ActivePlan,
  type ActivePlans,
  type Compatibility,
  type NewPlan,
  type Plan,
  type ViolationCounts,
} from "#schemas/plans/plan.ts";

interface Row {
  event: string;
  version: number;
  mode: Plan["mode"] | "removed";
  schema: Record<string, unknown>;
  avro: Record<string, unknown>;
  compatibility: Compatibility;
  description: string | null;
  version_created_at: Date;
  created_at: Date;
}

const columns =
  "event, version, mode, schema, avro, compatibility, description, version_created_at, created_at";
/** Kept for whoever asks what an event was checked with. */
const versionsShownMax = 200;
const violationRowsMax = 5_000;

export class PlanStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Throws SCHEMA_INCOMPATIBLE, or CONFLICT when there are too many plans. Putting the same again changes nothing. */
  async put(projectId: number, event: string, given: NewPlan, avro: Record<string, unknown>): Promise<Plan> {
    return transact(this.#postgres, async (client) => {
      // Revisions become visible in the order of their numbers: what is in force at one never changes.
      await client.query("SELECT pg_advisory_xact_lock(hashtext('plan_revisions'))");
      const latest = (
        await client.query<Row>(
          `SELECT ${columns} FROM plan_revisions WHERE project_id = $1 AND event = $2 ORDER BY revision DESC LIMIT 1`,
          [projectId, event],
        )
      ).rows[0];
      const before = latest === undefined || latest.mode === "removed" ? undefined : latest;
      const mode = given.mode ?? before?.mode ?? "observe";
      const compatibility = given.compatibility ?? before?.compatibility ?? "backward";
      const description = given.description ?? before?.description ?? null;
      const isSameSchema = before !== undefined && isEqual(before.schema, given.schema);
      if (
        isSameSchema &&
        before.mode === mode &&
        before.compatibility === compatibility &&
        before.description === description
      ) {
        return toPlan(before);
      }
      if (!isSameSchema) await refuseTooMany(client, projectId, event, [given.schema, avro]);
      if (before !== undefined && !isSameSchema) {
        const broken = findBreak(before.avro, avro, compatibility);
        if (broken !== undefined) {
          throw new MillraceError("SCHEMA_INCOMPATIBLE", {
            message: `Version ${before.version} and this one do not go together (${compatibility}): ${broken}. Make new properties optional and keep types, or send \`compatibility\`: "none".`,
            details: [{ path: "schema", version: before.version, compatibility, reason: broken }],
          });
        }
      }
      const { rows } = await client.query<Row>(
        `INSERT INTO plan_revisions
           (project_id, event, version, mode, schema, avro, compatibility, description, version_created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, now())) RETURNING ${columns}`,
        [
          projectId,
          event,
          isSameSchema ? before.version : (latest?.version ?? 0) + 1,
          mode,
          JSON.stringify(given.schema),
          JSON.stringify(avro),
          compatibility,
          description,
          isSameSchema ? before.version_created_at : null,
        ],
      );
      return toPlan(rows[0] as Row);
    });
  }

  async list(projectId: number): Promise<Plan[]> {
    const { rows } = await this.#postgres.query<Row>(
      `SELECT * FROM (
         SELECT DISTINCT ON (event) ${columns} FROM plan_revisions WHERE project_id = $1 ORDER BY event, revision DESC
       ) AS latest WHERE mode <> 'removed' ORDER BY event`,
      [projectId],
    );
    return rows.map(toPlan);
  }

  /** Throws SCHEMA_NOT_FOUND. */
  async find(projectId: number, event: string): Promise<Plan> {
    const { rows } = await this.#postgres.query<Row>(
      `SELECT ${columns} FROM plan_revisions WHERE project_id = $1 AND event = $2 ORDER BY revision DESC LIMIT 1`,
      [projectId, event],
    );
    const row = rows[0];
    if (row === undefined || row.mode === "removed") throw new MillraceError("SCHEMA_NOT_FOUND");
    return toPlan(row);
  }

  /** The newest versions, each as it was last. Throws SCHEMA_NOT_FOUND. */
  async versions(projectId: number, event: string): Promise<Plan[]> {
    const { rows } = await this.#postgres.query<Row>(
      `SELECT * FROM (
         SELECT DISTINCT ON (version) ${columns} FROM plan_revisions
         WHERE project_id = $1 AND event = $2 AND mode <> 'removed' ORDER BY version DESC, revision DESC
       ) AS latest ORDER BY version DESC LIMIT ${versionsShownMax}`,
      [projectId, event],
    );
    if (rows.length === 0) throw new MillraceError("SCHEMA_NOT_FOUND");
    let bytes = 0;
    const fitting = rows.findIndex((row) => {
      bytes += JSON.stringify([row.schema, row.avro]).length;
      return bytes > planLimits.listBytesMax;
    });
    return rows.slice(0, fitting === -1 ? undefined : Math.max(1, fitting)).map(toPlan);
  }

  /** Throws SCHEMA_NOT_FOUND. */
  async remove(projectId: number, event: string): Promise<void> {
    await transact(this.#postgres, async (client) => {
      await client.query("SELECT pg_advisory_xact_lock(hashtext('plan_revisions'))");
      const removed = await client.query(
        `INSERT INTO plan_revisions
           (project_id, event, version, mode, schema, avro, compatibility, description, version_created_at)
         SELECT project_id, event, version, 'removed', schema, avro, compatibility, description, version_created_at
         FROM (SELECT * FROM plan_revisions WHERE project_id = $1 AND event = $2 ORDER BY revision DESC LIMIT 1) AS latest
         WHERE mode <> 'removed'`,
        [projectId, event],
      );
      if (removed.rowCount === 0) throw new MillraceError("SCHEMA_NOT_FOUND");
    });
  }

  /** Of the last 90 days. Throws SCHEMA_NOT_FOUND for an event that never had a plan. */
  async violations(
    projectId: number,
    event: string,
    range: { from: string | undefined; to: string | undefined },
  ): Promise<ViolationCounts> {
    await this.versions(projectId, event);
    const { rows } = await this.#postgres.query<ViolationCounts["violations"][number] & { events: string }>(
      `SELECT to_char(day, 'YYYY-MM-DD') AS day, version, mode, path, rule, sum(events) AS events FROM plan_violations
       WHERE project_id = $1 AND event = $2
         AND day BETWEEN coalesce($3::date, current_date - 90) AND coalesce($4::date, current_date + 1)
       GROUP BY plan_violations.day, version, mode, path, rule
       ORDER BY plan_violations.day DESC, sum(events) DESC, path, rule LIMIT ${violationRowsMax}`,
      [projectId, event, range.from ?? null, range.to ?? null],
    );
    const violations = rows.map((row) => ({ ...row, events: Number(row.events) }));
    return { event, total: violations.reduce((sum, each) => sum + each.events, 0), violations };
  }

  async revision(): Promise<number> {
    const { rows } = await this.#postgres.query<{ revision: string }>(
      "SELECT coalesce(max(revision), 0) AS revision FROM plan_revisions",
    );
    return Number(rows[0]?.revision ?? 0);
  }

  /** What was in force after that revision. */
  async activeAt(revision: number): Promise<ActivePlans> {
    if (revision === 0) return { revision, plans: [] };
    const { rows } = await this.#postgres.query<
      Omit<ActivePlan, "projectId" | "mode"> & { project_id: number; mode: Row["mode"] }
    >(
      `SELECT * FROM (
         SELECT DISTINCT ON (project_id, event) project_id, event, version, mode, schema::text AS schema
         FROM plan_revisions WHERE revision <= $1 ORDER BY project_id, event, revision DESC
       ) AS latest WHERE mode <> 'removed'`,
      [revision],
    );
    const plans = rows.map(({ project_id: projectId, ...plan }) => ({ projectId, ...plan }) as ActivePlan);
    return { revision, plans };
  }
}

/** Throws CONFLICT. */
async function refuseTooMany(
  client: { query: (text: string, values: unknown[]) => Promise<{ rows: unknown[] }> },
  projectId: number,
  event: string,
  documents: readonly object[],
): Promise<void> {
  const { rows } = await client.query(
    `SELECT count(*)::int AS plans, coalesce(sum(octet_length(schema::text) + octet_length(avro::text)), 0)::int AS bytes
     FROM (
       SELECT DISTINCT ON (event) mode, schema, avro FROM plan_revisions
       WHERE project_id = $1 AND event <> $2 ORDER BY event, revision DESC
     ) AS latest WHERE mode <> 'removed'`,
    [projectId, event],
  );
  const others = rows[0] as { plans: number; bytes: number };
  if (others.plans >= planLimits.plansMax) {
    throw new MillraceError("CONFLICT", {
      message: `A project may have plans for ${planLimits.plansMax} events.`,
    });
  }
  const bytes = documents.reduce((sum, each) => sum + Buffer.byteLength(JSON.stringify(each)), others.bytes);
  if (bytes > planLimits.listBytesMax) {
    throw new MillraceError("CONFLICT", {
      message: `All plans of a project together may have ${planLimits.listBytesMax} bytes.`,
    });
  }
}

/** The order of members does not matter, that of lists does. */
function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function toPlan(row: Row): Plan {
  const { version_created_at: versionCreatedAt, created_at: createdAt, mode, ...rest } = row;
  return {
    ...rest,
    mode: mode as Plan["mode"],
    created_at: versionCreatedAt.toISOString(),
    updated_at: createdAt.toISOString(),
  };
}
