// A link as its row stands in Postgres, and what others see of it.
import type { Campaign } from "#schemas/links/add-campaign.ts";
import type { Link } from "#schemas/links/link-contract.ts";
import type { RedirectStatus, ResolvedLink } from "#schemas/links/link.ts";

export interface LinkRow {
  id: string;
  public_id: string;
  project_id: number;
  domain: string;
  code: string;
  url: string;
  target: string;
  redirect: number;
  forward_query: boolean;
  expires_at: Date | null;
  expired_url: string | null;
  max_clicks: string | null;
  password_hash: string | null;
  tags: string[];
  utm: Campaign | null;
  title: string | null;
  /** Who said it, or that there is none; null: nobody yet. */
  title_by: "person" | "page" | null;
  external_id: string | null;
  version: string;
  created_at: Date;
  updated_at: Date;
}

export const linkColumns = `links.id, links.public_id, links.project_id, links.domain, links.code, links.url,
  links.target, links.redirect, links.forward_query, links.expires_at, links.expired_url, links.max_clicks,
  links.password_hash, links.tags, links.utm, links.title, links.title_by, links.external_id, links.version, links.created_at,
  links.updated_at`;

export interface ProjectOfLink {
  project_public_id: string;
  retention_days: number;
}

export const projectColumns = `projects.public_id AS project_public_id,
  coalesce((projects.retention ->> 'raw_days')::int, 0) AS retention_days`;

/** What is stored of a link's clicks. */
export interface LinkTotals {
  clicks: string;
  last_clicked_at: Date | null;
}

export const noTotals: LinkTotals = { clicks: "0", last_clicked_at: null };

export function buildResolved(row: LinkRow, project: ProjectOfLink): ResolvedLink {
  return {
    id: Number(row.id),
    publicId: row.public_id,
    projectId: row.project_id,
    projectPublicId: project.project_public_id,
    domain: row.domain,
    code: row.code,
    url: row.target,
    redirect: row.redirect as RedirectStatus,
    forwardQuery: row.forward_query,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    expiredUrl: row.expired_url,
    maxClicks: row.max_clicks === null ? null : Number(row.max_clicks),
    hasPassword: row.password_hash !== null,
    title: row.title,
    retentionDays: project.retention_days,
    version: Number(row.version),
  };
}

export function buildShortUrl({ domain, code }: { domain: string; code: string }, publicUrl: string): string {
  if (domain === "") return `${publicUrl}/${code}`;
  return `${publicUrl.startsWith("https:") ? "https" : "http"}://${domain}/${code}`;
}

export function buildLink(row: LinkRow, totals: LinkTotals, publicUrl: string): Link {
  return {
    id: row.public_id,
    code: row.code,
    domain: row.domain,
    short_url: buildShortUrl(row, publicUrl),
    url: row.url,
    redirect: row.redirect,
    forward_query: row.forward_query,
    expires_at: row.expires_at?.toISOString() ?? null,
    expired_url: row.expired_url,
    max_clicks: row.max_clicks === null ? null : Number(row.max_clicks),
    has_password: row.password_hash !== null,
    tags: row.tags,
    utm: row.utm,
    title: row.title,
    external_id: row.external_id,
    clicks: Number(totals.clicks),
    last_clicked_at: totals.last_clicked_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
