// Which pages are still to be read for their titles, in Postgres: written in the transaction that makes or changes the
// link, taken by one process at a time, gone once it is known how it ended. A process that dies in between has its
// attempt counted and made again.
import type pg from "pg";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import { linkColumns, type LinkRow } from "../link-row.ts";
import { linkStatements } from "../link-statements.ts";

/** Waits after each attempt but the last. */
export const retrySeconds = [10, 120, 1_800] as const;
export const attemptsMax = retrySeconds.length + 1;
/** Later by up to that part, so that a page that comes back is not met by all at once. */
const jitterPart = 0.25;
/** Longer than an attempt takes. */
export const leaseSeconds = 20;
/** Of one project at once: thousands of links of one import hold up nobody else's. */
export const ofProjectMax = 4;
/** Longer than all attempts take; a queue that is behind by more is not worked off. */
const wantedHours = 24;

export interface TitleClaim {
  readonly linkId: string;
  readonly projectId: number;
  readonly url: string;
  readonly attempts: number;
}

/** Those of the links that have no title and nobody who said that there is to be none. In the caller's transaction. */
export async function wantTitles(client: pg.ClientBase, linkIds: readonly string[]): Promise<void> {
  await client.query(
    `INSERT INTO link_titles_wanted (link_id, project_id, url)
     SELECT id, project_id, url FROM links WHERE id = ANY ($1::bigint[]) AND title IS NULL AND title_by IS NULL
     ON CONFLICT (link_id) DO UPDATE
     SET url = excluded.url, attempts = 0, wanted_at = now(), due_at = now(), leased = false`,
    [linkIds],
  );
}

export class TitleLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** What is due the longest, of projects that have not their part under way. */
  async claim(): Promise<TitleClaim | undefined> {
    const { rows } = await this.#postgres.query<TitleClaim>(
      `WITH RECURSIVE waiting AS (
         (SELECT project_id FROM link_titles_wanted ORDER BY project_id LIMIT 1)
         UNION ALL
         SELECT (SELECT wanted.project_id FROM link_titles_wanted AS wanted
                 WHERE wanted.project_id > waiting.project_id ORDER BY wanted.project_id LIMIT 1)
         FROM waiting WHERE waiting.project_id IS NOT NULL),
       candidates AS (
         SELECT due.link_id, due.due_at FROM waiting CROSS JOIN LATERAL (
           SELECT link_id, due_at FROM link_titles_wanted AS wanted
           WHERE wanted.project_id = waiting.project_id AND due_at <= now() ORDER BY due_at LIMIT $1) AS due
         WHERE (SELECT count(*) FROM link_titles_wanted AS busy
                WHERE busy.project_id = waiting.project_id AND leased AND due_at > now()) < $1
         ORDER BY due.due_at LIMIT 32),
       next AS (
         SELECT wanted.link_id FROM link_titles_wanted AS wanted JOIN candidates USING (link_id)
         WHERE wanted.due_at <= now() ORDER BY wanted.due_at LIMIT 1 FOR UPDATE OF wanted SKIP LOCKED)
       UPDATE link_titles_wanted AS wanted
       SET attempts = attempts + 1, leased = true, due_at = now() + make_interval(secs => $2)
       FROM next WHERE wanted.link_id = next.link_id
       RETURNING wanted.link_id AS "linkId", project_id AS "projectId", url, attempts`,
      [ofProjectMax, leaseSeconds],
    );
    return rows[0];
  }

  /** The link with its title; undefined when it was changed or deleted meanwhile, or others took it over. */
  async keep(claim: TitleClaim, title: string): Promise<LinkRow | undefined> {
    return transact(this.#postgres, async (client) => {
      // In the order of requests that change links: the link first.
      await client.query(linkStatements.lock, [claim.linkId]);
      const { rows } = await client.query<LinkRow>(
        `WITH done AS (
           DELETE FROM link_titles_wanted WHERE link_id = $1 AND url = $2 AND attempts = $3 RETURNING link_id)
         UPDATE links SET title = $4, title_by = 'page', version = nextval('link_versions')
         FROM done WHERE links.id = done.link_id AND links.url = $2 AND title IS NULL AND title_by IS NULL
         RETURNING ${linkColumns}`,
        [claim.linkId, claim.url, claim.attempts, title],
      );
      return rows[0];
    });
  }

  /** There is none, or it is not to be looked for any more. */
  async drop({ linkId, url, attempts }: TitleClaim): Promise<void> {
    await this.#postgres.query(
      "DELETE FROM link_titles_wanted WHERE link_id = $1 AND url = $2 AND attempts = $3",
      [linkId, url, attempts],
    );
  }

  async retry({ linkId, url, attempts }: TitleClaim): Promise<void> {
    await this.#postgres.query(
      `UPDATE link_titles_wanted
       SET leased = false, due_at = now() + make_interval(secs => $4::float8 * (1 + $5::float8 * random()))
       WHERE link_id = $1 AND url = $2 AND attempts = $3`,
      [linkId, url, attempts, retrySeconds[attempts - 1] ?? 0, jitterPart],
    );
  }

  /** Gives it back untried, for another process to begin at once. */
  async release({ linkId, url, attempts }: TitleClaim): Promise<void> {
    await this.#postgres.query(
      `UPDATE link_titles_wanted SET leased = false, due_at = now(), attempts = attempts - 1
       WHERE link_id = $1 AND url = $2 AND attempts = $3`,
      [linkId, url, attempts],
    );
  }

  async forgetOld(): Promise<void> {
    await this.#postgres.query(
      "DELETE FROM link_titles_wanted WHERE wanted_at < now() - make_interval(hours => $1)",
      [wantedHours],
    );
  }
}
