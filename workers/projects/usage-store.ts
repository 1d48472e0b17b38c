// What projects used, by day: read from what the workers commit with each batch and what the edges report.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import type { EventsTaken, UsageAnswer, UsageCounts, UseReport } from "#schemas/projects/usage.ts";
import { edgesPartition, writeViolations } from "../plans/violations.ts";
import type { KeyStore } from "./key-store.ts";

/** Runs of edges whose reports may still be repeated. */
const reportsKeptHours = 48;

type UsageRow = { day: string } & Record<
  "stored" | "duplicates" | "quarantined" | "rejected" | "bytes" | "queries",
  string
>;

export class UsageStore {
  readonly #postgres: Postgres;
  readonly #keys: KeyStore;

  constructor(postgres: Postgres, keys: KeyStore) {
    this.#postgres = postgres;
    this.#keys = keys;
  }

  /** Counts a report once, however often it comes. */
  async record(report: UseReport): Promise<void> {
    await transact(this.#postgres, async (client) => {
      const { rowCount } = await client.query(
        `INSERT INTO usage_reports (run, number) VALUES ($1, $2)
         ON CONFLICT (run) DO UPDATE SET number = excluded.number, reported_at = now()
         WHERE usage_reports.number < excluded.number`,
        [report.run, report.number],
      );
      if (rowCount !== 1) return;
      await this.#keys.recordUse(client, report.keys);
      // In the order of the key, so that reports of several edges wait for each other and never block.
      await client.query(
        `INSERT INTO usage_requests (project_id, day, rejected, bytes, queries)
         SELECT * FROM unnest($1::int[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[])
           AS used (project_id, day, rejected, bytes, queries)
         ORDER BY project_id, day
         ON CONFLICT (project_id, day) DO UPDATE SET
           rejected = usage_requests.rejected + excluded.rejected,
           bytes = usage_requests.bytes + excluded.bytes,
           queries = usage_requests.queries + excluded.queries`,
        [
          report.uses.map((use) => use.projectId),
          report.uses.map((use) => use.day),
          report.uses.map((use) => use.rejected),
          report.uses.map((use) => use.bytes),
          report.uses.map((use) => use.queries),
        ],
      );
      const { violations = [] } = report;
      if (violations.length > 0) await writeViolations(client, edgesPartition, violations);
      if (report.number === 1) {
        await client.query(
          "DELETE FROM usage_reports WHERE reported_at < now() - make_interval(hours => $1)",
          [reportsKeptHours],
        );
      }
    });
  }

  /** Events taken in the day and the month (UTC) of an instant. */
  async eventsTaken(projectId: number, atMs: number): Promise<EventsTaken> {
    const { rows } = await this.#postgres.query<{ day: string; month: string }>(
      `SELECT coalesce(sum(stored + duplicates + quarantined), 0) AS month,
              coalesce(sum(stored + duplicates + quarantined) FILTER (WHERE day = today), 0) AS day
       FROM usage_events, (SELECT (to_timestamp($2::float8 / 1000) AT TIME ZONE 'UTC')::date AS today) AS at
       WHERE project_id = $1 AND day >= date_trunc('month', today) AND day < date_trunc('month', today) + interval '1 month'`,
      [projectId, atMs],
    );
    return { day: Number(rows[0]?.day ?? 0), month: Number(rows[0]?.month ?? 0) };
  }

  /** Days without any use are there, too, as zeros. */
  async byDay(projectId: number, from: string, to: string): Promise<Pick<UsageAnswer, "days" | "total">> {
    const { rows } = await this.#postgres.query<UsageRow>(
      `SELECT to_char(day, 'YYYY-MM-DD') AS day,
              coalesce(stored, 0) AS stored, coalesce(duplicates, 0) AS duplicates,
              coalesce(quarantined, 0) AS quarantined, coalesce(rejected, 0) AS rejected,
              coalesce(bytes, 0) AS bytes, coalesce(queries, 0) AS queries
       FROM (SELECT generate_series($2::date, $3::date, '1 day')::date AS day) AS days
       LEFT JOIN (
         SELECT day, sum(stored) AS stored, sum(duplicates) AS duplicates, sum(quarantined) AS quarantined
         FROM usage_events WHERE project_id = $1 AND day BETWEEN $2 AND $3 GROUP BY day) AS events USING (day)
       LEFT JOIN (SELECT * FROM usage_requests WHERE project_id = $1) AS requests USING (day)
       ORDER BY day`,
      [projectId, from, to],
    );
    const days = rows.map(({ day, ...counts }) => ({ day, ...buildCounts(counts) }));
    const total = buildCounts({
      stored: 0,
      duplicates: 0,
      quarantined: 0,
      rejected: 0,
      bytes: 0,
      queries: 0,
    });
    for (const day of days) {
      for (const name of Object.keys(total) as (keyof UsageCounts)[]) total[name] += day[name];
    }
    return { days, total };
  }
}

function buildCounts(row: Record<Exclude<keyof UsageCounts, "received">, string | number>): UsageCounts {
  const stored = Number(row.stored);
  const duplicates = Number(row.duplicates);
  const quarantined = Number(row.quarantined);
  return {
    received: stored + duplicates + quarantined,
    stored,
    duplicates,
    quarantined,
    rejected: Number(row.rejected),
    bytes: Number(row.bytes),
    queries: Number(row.queries),
  };
}
