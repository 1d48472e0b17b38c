// Every statement about links, in one place: what each costs on a million links stands in docs/guides/links-queries.md.
import { linkColumns, projectColumns } from "./link-row.ts";

export interface LinkFilter {
  readonly search?: string | undefined;
  readonly tag?: string | undefined;
  readonly domain?: string | undefined;
  readonly externalId?: string | undefined;
  /** Only links that were made before the one of this id. */
  readonly beforeId?: number | undefined;
}

const recordColumns = `url text, target text, redirect smallint, forward_query boolean, expires_at timestamptz,
  expired_url text, max_clicks bigint, password_hash text, tags text[], utm jsonb, title text,
  title_by text, external_id text`;
const names = recordColumns.split(",").map((column) => column.trim().split(" ")[0] as string);

const withTotals = `LEFT JOIN LATERAL (
    SELECT coalesce(sum(clicks), 0) AS clicks, max(last_clicked_at) AS last_clicked_at
    FROM link_totals WHERE link_totals.project_id = links.project_id AND link_totals.link_id = links.public_id
  ) AS totals ON true`;

export const linkStatements = {
  resolve: `SELECT ${linkColumns}, ${projectColumns}
    FROM links JOIN projects ON projects.id = links.project_id
    WHERE links.domain = $1 AND links.code = $2 AND projects.deleted_at IS NULL`,
  // The index is asked for each address: planned as a whole, a join of many might read the table instead.
  resolveMany: `SELECT asked.place::integer AS place, link.*
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (domain, code, place)
    CROSS JOIN LATERAL (
      SELECT ${linkColumns}, ${projectColumns}
      FROM links JOIN projects ON projects.id = links.project_id
      WHERE links.domain = asked.domain AND links.code = asked.code AND projects.deleted_at IS NULL
      LIMIT 1
    ) AS link`,
  project: `SELECT ${projectColumns} FROM projects WHERE id = $1 AND deleted_at IS NULL`,
  // Without a target: a code or an external id that is there already. In order, so that two requests with the same
  // names wait for each other instead of locking each other out.
  insert: `INSERT INTO links (project_id, public_id, domain, code, ${names.join(", ")})
    SELECT $1, public_id, domain, code, ${names.join(", ")}
    FROM jsonb_to_recordset($2::jsonb) AS given (public_id text, domain text, code text, place integer,
      ${recordColumns})
    ORDER BY domain COLLATE "C", code COLLATE "C", place
    ON CONFLICT DO NOTHING RETURNING id, public_id`,
  externalIds: "SELECT external_id FROM links WHERE project_id = $1 AND external_id = ANY ($2)",
  version: `UPDATE links SET version = nextval('link_versions') WHERE id = ANY ($1::bigint[]) RETURNING ${linkColumns}`,
  find: `SELECT ${linkColumns}, totals.* FROM links ${withTotals}
    WHERE project_id = $1 AND domain = $2 AND code = $3`,
  lock: "SELECT version FROM links WHERE id = $1 FOR UPDATE",
  lockAddress: "SELECT id FROM links WHERE project_id = $1 AND domain = $2 AND code = $3 FOR UPDATE",
  update: `UPDATE links SET (${names.join(", ")}) = (
      SELECT ${names.join(", ")} FROM jsonb_to_record($2::jsonb) AS given (${recordColumns})
    ), version = nextval('link_versions'), updated_at = now()
    WHERE id = $1 RETURNING ${linkColumns}`,
  delete: "DELETE FROM links WHERE id = $1 RETURNING public_id, nextval('link_versions') AS version",
  deleteTotals: "DELETE FROM link_totals WHERE project_id = $1 AND link_id = $2",
  addChange: "INSERT INTO link_changes (link_id, version, request_id, changes) VALUES ($1, $2, $3, $4)",
  changes: `SELECT changed_at AS "changedAt", request_id AS "requestId", changes FROM link_changes
    WHERE link_id = $1 ORDER BY id DESC LIMIT $2`,
  // Whose project is gone gives its domains away.
  claimDomains: `INSERT INTO link_domains AS old (domain, project_id) SELECT unnest($1::text[]), $2
    ON CONFLICT (domain) DO UPDATE SET project_id = excluded.project_id
    WHERE EXISTS (SELECT FROM projects WHERE id = old.project_id AND deleted_at IS NOT NULL)`,
  foreignDomains: "SELECT domain FROM link_domains WHERE domain = ANY ($1) AND project_id <> $2",
  knownDomains: "SELECT domain FROM link_domains WHERE domain = ANY ($1)",

  /** Only the conditions that are asked for: each has its index. */
  list(projectId: number, filter: LinkFilter & { readonly pattern: string | null }, count: number) {
    const values: unknown[] = [projectId];
    const conditions = ["project_id = $1"];
    const add = (value: unknown, condition: (place: string) => string): void => {
      if (value === undefined || value === null) return;
      values.push(value);
      conditions.push(condition(`$${values.length}`));
    };
    add(filter.beforeId, (place) => `id < ${place}`);
    add(filter.pattern, (place) => `(code || ' ' || url || ' ' || coalesce(title, '')) ILIKE ${place}`);
    add(filter.tag === undefined ? undefined : [filter.tag], (place) => `tags <> '{}' AND tags @> ${place}`);
    add(filter.domain, (place) => `domain = ${place}`);
    add(filter.externalId, (place) => `external_id = ${place}`);
    values.push(count);
    const text = `SELECT ${linkColumns}, totals.* FROM (
        SELECT * FROM links WHERE ${conditions.join(" AND ")} ORDER BY id DESC LIMIT $${values.length}
      ) AS links ${withTotals} ORDER BY links.id DESC`;
    return { text, values };
  },
};
