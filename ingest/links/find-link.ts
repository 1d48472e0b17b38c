// From an address to its link: memory, then Redis, then the links service; each address is asked for once, however
// many visitors wait. A link that was changed or deleted is forgotten with its announcement, and never remembered
// longer than linkCacheLimits say, however often it is asked for.
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { linkAddress, linkCacheLimits, type CachedLink, type LinkChange } from "#schemas/links/link-cache.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import type { LookupSource } from "./metrics.ts";
import { KnownLinks, type KnownLink } from "./known-links.ts";
import { Pace } from "./pace.ts";
import { prepareLink, type PreparedLink } from "./prepared-link.ts";
import type { StoredLink } from "./link-store.ts";

export const findLinkLimits = {
  /** Addresses that are asked for at once; past it unknown ones are refused, known ones go on as they are. */
  lookupsMax: 512,
  /** Renewals that are asked for together, and how far two of these times are apart. */
  renewalsMax: 256,
  renewalsMs: 100,
  /** Announcements remembered while an older version may still stand in Redis. */
  changesMax: 50_000,
  /** How long a known link goes on while nobody can be asked. */
  staleMs: 24 * 3600 * 1000,
  /** After a failed question, how long until the next about the same link. */
  retryMs: 1_000,
  /** A link that changes while it is looked up is looked up again, at most so often. */
  attemptsMax: 3,
} as const;

/** A link of this age is asked for again beside its redirects: somewhere in the third quarter of its time. */
const freshPart = { min: 0.5, max: 0.75 } as const;

export interface LinkSources {
  /** What Redis knows; undefined when nothing, or when it is away. */
  read(domain: string, code: string): Promise<StoredLink | undefined>;
  /** Puts into Redis what the service said; nobody waits for it. */
  put(domain: string, code: string, cached: CachedLink): void;
  /** What Postgres knows. */
  resolve(domain: string, code: string): Promise<ResolvedLink | null>;
}

type Found = PreparedLink | null;

export class LinkFinder {
  readonly #sources: LinkSources;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #known: KnownLinks;
  readonly #underWay = new Map<string, Promise<Found>>();
  /** Known links that are due for a renewal; the next visit of one that finds no room tries again. */
  readonly #renewals = new Map<string, KnownLink>();
  readonly #renewalPace = new Pace(findLinkLimits.renewalsMs, () => {
    for (const [address, known] of this.#renewals) {
      const { domain, code } = known.link;
      this.#ask(domain, code, address, known).catch(() => undefined);
    }
    this.#renewals.clear();
  });
  readonly #changes = new Map<string, { version: number; atMs: number }>();
  readonly #count: (source: LookupSource) => void;
  #generation = 0;
  #failing = false;

  constructor(options: {
    sources: LinkSources;
    log: Logger;
    count: (source: LookupSource) => void;
    known?: KnownLinks;
    now?: () => number;
  }) {
    this.#sources = options.sources;
    this.#log = options.log;
    this.#count = options.count;
    this.#known = options.known ?? new KnownLinks();
    this.#now = options.now ?? Date.now;
  }

  get known(): KnownLinks {
    return this.#known;
  }

  /**
   * The link at an address, null when there is none; a promise only when it has to be asked for.
   * Rejects with SERVICE_UNAVAILABLE when it is not known and nobody can be asked.
   */
  find(domain: string, code: string, nowMs: number): Found | Promise<Found> {
    const address = linkAddress(domain, code);
    const known = this.#known.find(address);
    if (known === undefined) {
      return this.#known.isMissing(address, nowMs) ? null : this.#ask(domain, code, address, undefined);
    }
    if (nowMs < known.freshUntilMs) return known.link;
    if (nowMs < known.usableUntilMs) {
      this.#renew(address, known);
      return known.link;
    }
    return this.#ask(domain, code, address, known).catch((error: unknown) => {
      if (nowMs >= known.staleUntilMs) throw error;
      return known.link;
    });
  }

  /** A link was made, changed or deleted. */
  changed({ domain, code, version }: LinkChange): void {
    const address = linkAddress(domain, code);
    this.#known.forget(address);
    const nowMs = this.#now();
    this.#changes.delete(address);
    this.#changes.set(address, { version, atMs: nowMs });
    for (const [oldest, { atMs }] of this.#changes) {
      const isOver = nowMs - atMs > linkCacheLimits.knownMsMax;
      if (!isOver && this.#changes.size <= findLinkLimits.changesMax) break;
      this.#changes.delete(oldest);
    }
  }

  /** Of a project that was changed or deleted. */
  forgetProject(projectId: number): void {
    this.#generation += 1;
    this.#known.forgetProject(projectId);
  }

  /** Announcements may have been missed. */
  doubtAll(): void {
    this.#generation += 1;
    this.#known.doubtAll();
  }

  /** Nobody waits for it: renewals of a while are asked for together. */
  #renew(address: string, known: KnownLink): void {
    if (this.#renewals.size >= findLinkLimits.renewalsMax) return;
    this.#renewals.set(address, known);
    this.#renewalPace.ask();
  }

  #ask(domain: string, code: string, address: string, known: KnownLink | undefined): Promise<Found> {
    const existing = this.#underWay.get(address);
    if (existing !== undefined) return existing;
    if (this.#underWay.size >= findLinkLimits.lookupsMax) {
      return Promise.reject(new MillraceError("SERVICE_UNAVAILABLE", { retryAfterSeconds: 1 }));
    }
    const answer = this.#look(domain, code, address, known !== undefined)
      .catch((error: unknown) => {
        this.#failed(error, known);
        throw error;
      })
      .finally(() => this.#underWay.delete(address));
    this.#underWay.set(address, answer);
    return answer;
  }

  async #look(domain: string, code: string, address: string, isKnown: boolean): Promise<Found> {
    for (let attempt = 1; ; attempt += 1) {
      const generation = this.#generation;
      const change = this.#changes.get(address);
      const stored =
        attempt === 1 ? await this.#read(domain, code, isKnown, change?.version ?? 0) : undefined;
      const link = stored === undefined ? await this.#resolve(domain, code) : stored.link;
      // What was announced meanwhile is newer than what was read.
      const isCurrent = generation === this.#generation && change === this.#changes.get(address);
      if (!isCurrent && attempt < findLinkLimits.attemptsMax) continue;
      const prepared = link === null ? null : prepareLink(link);
      if (isCurrent) this.#remember(address, prepared, stored?.restMs);
      return prepared;
    }
  }

  /** A link that is due for a renewal has to come from Postgres, unless another edge read it lately. */
  async #read(
    domain: string,
    code: string,
    isKnown: boolean,
    versionMin: number,
  ): Promise<StoredLink | undefined> {
    const stored = await this.#sources.read(domain, code);
    if (stored === undefined || stored.version < versionMin) return undefined;
    if (isKnown && stored.restMs < linkCacheLimits.knownMsMax * freshPart.max) return undefined;
    this.#count("redis");
    return stored;
  }

  async #resolve(domain: string, code: string): Promise<ResolvedLink | null> {
    const link = await this.#sources.resolve(domain, code);
    this.#count("service");
    this.#failing = false;
    this.#sources.put(domain, code, { version: link?.version ?? 0, link });
    return link;
  }

  #remember(address: string, link: Found, restMs: number = linkCacheLimits.knownMsMax): void {
    const nowMs = this.#now();
    if (link === null) {
      this.#known.rememberMissing(address, nowMs + Math.min(restMs, linkCacheLimits.missingMs));
      return;
    }
    const part = freshPart.min + Math.random() * (freshPart.max - freshPart.min);
    this.#known.remember(address, {
      link,
      // Scattered, so that links that were read together are not asked for together.
      freshUntilMs: nowMs + Math.min(restMs, linkCacheLimits.knownMsMax) * part,
      usableUntilMs: nowMs + Math.min(restMs, linkCacheLimits.knownMsMax),
      staleUntilMs: nowMs + findLinkLimits.staleMs,
      used: false,
    });
  }

  /** Visitors of a known link do not wait for the same failure again and again. */
  #failed(error: unknown, known: KnownLink | undefined): void {
    if (known !== undefined) {
      known.freshUntilMs = this.#now() + findLinkLimits.retryMs;
      known.usableUntilMs = known.freshUntilMs;
    }
    if (!this.#failing) this.#log.warn({ err: error }, "links cannot be looked up; known ones go on");
    this.#failing = true;
  }
}
