// Links in Postgres. What happens to one address happens one after the other, and with growing versions.
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { transact } from "#ops/runtime/transact.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { isReserved } from "#schemas/links/check-alias.ts";
import { forbidden } from "#schemas/links/check-target.ts";
import { codeLimits, createCode } from "#schemas/links/create-code.ts";
import { linkLimits } from "#schemas/links/link-contract.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import { buildResolved, type LinkRow, type LinkTotals, type ProjectOfLink } from "./link-row.ts";
import { hostsOf, type LinkDraft, type LinkFields } from "./read-link.ts";
import { buildChanges, type FieldChange } from "./field-changes.ts";
import { linkStatements as sql, type LinkFilter } from "./link-statements.ts";
import { wantTitles } from "./titles/title-ledger.ts";

export interface Address {
  readonly domain: string;
  readonly code: string;
}

/** What stands at an address from now on. */
export interface AddressChange extends Address {
  readonly version: number;
  readonly link: ResolvedLink | null;
}

export interface ListedLink {
  readonly row: LinkRow;
  readonly totals: LinkTotals;
}

export interface LinkChange {
  readonly changedAt: Date;
  readonly requestId: string;
  readonly changes: Record<string, FieldChange>;
}

const uniqueViolation = "23505";

export interface LinkStoreOptions {
  /** A drawn code was there already. */
  readonly onConflict: () => void;
  /** Pages of links without a title are to be read; default false. */
  readonly wantsTitles?: boolean;
  readonly draw?: (symbols: number) => string;
}

export class LinkStore {
  readonly #postgres: Postgres;
  readonly #onConflict: () => void;
  readonly #wantsTitles: boolean;
  readonly #draw: (symbols: number) => string;

  constructor(postgres: Postgres, { onConflict, wantsTitles = false, draw = drawCode }: LinkStoreOptions) {
    this.#postgres = postgres;
    this.#draw = draw;
    this.#wantsTitles = wantsTitles;
    this.#onConflict = onConflict;
  }

  async resolve({ domain, code }: Address): Promise<ResolvedLink | null> {
    const { rows } = await this.#postgres.query<LinkRow & ProjectOfLink>({
      name: "resolve_link",
      text: sql.resolve,
      values: [domain, code],
    });
    return rows[0] === undefined ? null : buildResolved(rows[0], rows[0]);
  }

  /** In the order of the addresses; null where no link is. */
  async resolveMany(addresses: readonly Address[]): Promise<(ResolvedLink | null)[]> {
    const { rows } = await this.#postgres.query<LinkRow & ProjectOfLink & { place: number }>({
      name: "resolve_links",
      text: sql.resolveMany,
      values: [addresses.map(({ domain }) => domain), addresses.map(({ code }) => code)],
    });
    const found = addresses.map((): ResolvedLink | null => null);
    for (const row of rows) found[row.place - 1] = buildResolved(row, row);
    return found;
  }

  /** The link with its password's hash, whoever asks. */
  async findForVisitor({ domain, code }: Address): Promise<LinkRow | undefined> {
    const { rows } = await this.#postgres.query<LinkRow>(sql.resolve, [domain, code]);
    return rows[0];
  }

  /**
   * Makes the links within the caller's transaction. Answers one result for each: its row, or why it could not be made
   * (ALIAS_TAKEN, CONFLICT for an external id, DOMAIN_TAKEN, URL_FORBIDDEN).
   */
  async insert(
    client: pg.ClientBase,
    projectId: number,
    drafts: readonly LinkDraft[],
  ): Promise<(LinkRow | MillraceError)[]> {
    const taken = await claimDomains(client, projectId, drafts);
    const domains = await knownDomains(client, drafts);
    const made = new Map<LinkDraft, string>();
    const refused = new Map<LinkDraft, MillraceError>();
    for (const draft of drafts) {
      if (taken.has(draft.domain)) refused.set(draft, new MillraceError("DOMAIN_TAKEN"));
      else if (draft.hosts.some((host) => domains.has(host))) {
        refused.set(draft, forbidden("url", "leads to a domain of short links"));
      }
    }
    const roundsMax = codeLimits.drawsMax * (codeLimits.symbolsMax - codeLimits.symbols + 1);
    let left = drafts.filter((draft) => !refused.has(draft));
    for (let round = 0; left.length > 0; round += 1) {
      if (round === roundsMax) throw new MillraceError("INTERNAL", { message: "No free code was found." });
      const symbols = codeLimits.symbols + Math.floor(round / codeLimits.drawsMax);
      const rows = left.map((draft, place) => ({
        ...draft,
        public_id: `lnk_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`,
        code: draft.alias ?? this.#draw(symbols),
        place,
      }));
      const inserted = await client.query<{ id: string; public_id: string }>(sql.insert, [
        projectId,
        JSON.stringify(rows),
      ]);
      const ids = new Map(inserted.rows.map((row) => [row.public_id, row.id]));
      rows.forEach((row, index) => {
        const id = ids.get(row.public_id);
        if (id !== undefined) made.set(left[index] as LinkDraft, id);
      });
      left = left.filter((draft) => !made.has(draft));
      if (left.length === 0) break;
      const external = await client.query<{ external_id: string }>(sql.externalIds, [
        projectId,
        left.flatMap(({ external_id }) => (external_id === null ? [] : [external_id])),
      ]);
      const known = new Set(external.rows.map((row) => row.external_id));
      for (const draft of left) {
        if (draft.external_id !== null && known.has(draft.external_id)) refused.set(draft, externalIdTaken());
        else if (draft.alias !== null) refused.set(draft, new MillraceError("ALIAS_TAKEN"));
        else this.#onConflict();
      }
      left = left.filter((draft) => !refused.has(draft));
    }
    // The version is drawn when the address is surely ours: an insert may have waited for the deletion of what stood
    // there, whose version must be the smaller one.
    const { rows } = await client.query<LinkRow>(sql.version, [[...made.values()]]);
    if (this.#wantsTitles) await wantTitles(client, [...made.values()]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return drafts.map((draft) => {
      const id = made.get(draft);
      return id === undefined ? (refused.get(draft) as MillraceError) : (byId.get(id) as LinkRow);
    });
  }

  async projectOf(projectId: number): Promise<ProjectOfLink> {
    const { rows } = await this.#postgres.query<ProjectOfLink>(sql.project, [projectId]);
    if (rows[0] === undefined) throw new MillraceError("PROJECT_NOT_FOUND");
    return rows[0];
  }

  /** Throws LINK_NOT_FOUND, also for links of others. */
  async find(projectId: number, { domain, code }: Address): Promise<ListedLink> {
    const { rows } = await this.#postgres.query<LinkRow & LinkTotals>(sql.find, [projectId, domain, code]);
    if (rows[0] === undefined) throw new MillraceError("LINK_NOT_FOUND");
    return { row: rows[0], totals: rows[0] };
  }

  /** At most `count`, the newest first. */
  async list(projectId: number, filter: LinkFilter, count: number): Promise<ListedLink[]> {
    const pattern =
      filter.search === undefined ? null : `%${filter.search.replace(/[\\%_]/g, (each) => `\\${each}`)}%`;
    const { text, values } = sql.list(projectId, { ...filter, pattern }, count);
    const { rows } = await this.#postgres.query<LinkRow & LinkTotals>(text, values);
    return rows.map((row) => ({ row, totals: row }));
  }

  /**
   * `decide` says what the link becomes from what it is. Throws LINK_NOT_FOUND, CONFLICT for an external id that is
   * taken, URL_FORBIDDEN. Null when nothing changes.
   */
  async update(
    projectId: number,
    address: Address,
    requestId: string,
    decide: (before: LinkFields) => Promise<LinkFields>,
  ): Promise<LinkRow | null> {
    // Slow work (a password's hash) is done before the row is locked; what changed meanwhile is decided again.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const { row } = await this.find(projectId, address);
      const after = await decide(fieldsOf(row));
      const changes = buildChanges(fieldsOf(row), after);
      if (Object.keys(changes).length === 0) return null;
      const changed = await transact(this.#postgres, async (client) => {
        const locked = await client.query<{ version: string }>(sql.lock, [row.id]);
        if (locked.rows[0]?.version !== row.version) return undefined;
        if ((await knownDomains(client, [{ domain: row.domain, hosts: hostsOf(after) }])).size > 0) {
          throw forbidden("url", "leads to a domain of short links");
        }
        const { rows } = await client.query<LinkRow>(sql.update, [row.id, JSON.stringify(after)]);
        const updated = rows[0] as LinkRow;
        if (this.#wantsTitles && updated.url !== row.url) await wantTitles(client, [row.id]);
        await client.query(sql.addChange, [row.id, updated.version, requestId, JSON.stringify(changes)]);
        return updated;
      }).catch((error: unknown) => {
        throw (error as { code?: string }).code === uniqueViolation ? externalIdTaken() : error;
      });
      if (changed !== undefined) return changed;
    }
    throw new MillraceError("CONFLICT", { message: "The link is being changed by others; try again." });
  }

  /** Answers what stands there from now on. Throws LINK_NOT_FOUND. */
  async delete(projectId: number, { domain, code }: Address): Promise<AddressChange> {
    const version = await transact(this.#postgres, async (client) => {
      const { rows } = await client.query<{ id: string }>(sql.lockAddress, [projectId, domain, code]);
      if (rows[0] === undefined) throw new MillraceError("LINK_NOT_FOUND");
      const deleted = await client.query<{ public_id: string; version: string }>(sql.delete, [rows[0].id]);
      const { public_id: publicId, version: last } = deleted.rows[0] as (typeof deleted.rows)[number];
      // Nobody can ask for them any more. Batches that have clicks of the link wait for its row: see click-totals.ts.
      await client.query(sql.deleteTotals, [projectId, publicId]);
      return Number(last);
    });
    return { domain, code, version, link: null };
  }

  async changes(projectId: number, address: Address): Promise<LinkChange[]> {
    const { row } = await this.find(projectId, address);
    const { rows } = await this.#postgres.query<LinkChange>(sql.changes, [row.id, linkLimits.changesShown]);
    return rows;
  }
}

function drawCode(symbols: number): string {
  for (;;) {
    // Words of our own addresses are a handful among 58⁷.
    const code = createCode(symbols, randomBytes);
    if (!isReserved(code)) return code;
  }
}

/** Answers those that belong to another project. */
async function claimDomains(
  client: pg.ClientBase,
  projectId: number,
  drafts: readonly LinkDraft[],
): Promise<Set<string>> {
  const domains = [...new Set(drafts.map(({ domain }) => domain))]
    .filter((domain) => domain !== "")
    .toSorted();
  if (domains.length === 0) return new Set();
  await client.query(sql.claimDomains, [domains, projectId]);
  const { rows } = await client.query<{ domain: string }>(sql.foreignDomains, [domains, projectId]);
  return new Set(rows.map(({ domain }) => domain));
}

/** Those of the hosts that short links stand at. */
async function knownDomains(
  client: pg.ClientBase,
  drafts: readonly Pick<LinkDraft, "hosts" | "domain">[],
): Promise<Set<string>> {
  const hosts = [...new Set(drafts.flatMap(({ hosts: each }) => each))];
  const { rows } = await client.query<{ domain: string }>(sql.knownDomains, [hosts]);
  return new Set(rows.map(({ domain }) => domain));
}

export function fieldsOf(row: LinkRow): LinkFields {
  return {
    url: row.url,
    target: row.target,
    redirect: row.redirect,
    forward_query: row.forward_query,
    expires_at: row.expires_at?.toISOString() ?? null,
    expired_url: row.expired_url,
    max_clicks: row.max_clicks === null ? null : Number(row.max_clicks),
    password_hash: row.password_hash,
    tags: row.tags,
    utm: row.utm,
    title: row.title,
    title_by: row.title_by,
    external_id: row.external_id,
  };
}

function externalIdTaken(): MillraceError {
  return new MillraceError("CONFLICT", { message: "Another link of the project has this external_id." });
}
