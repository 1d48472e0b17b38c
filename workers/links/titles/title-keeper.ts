// Reads titles of pages in the background, a few at once: claims a link, looks at its page once, writes down how that
// ended. Nobody who makes a link waits for it.
import { Resolver } from "node:dns/promises";
import type { LookupAddress } from "node:dns";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { isOwnAddress } from "#schemas/links/check-target.ts";
import { Lanes } from "../../background/lanes.ts";
import { AddressGuard, type ResolveName } from "../../outgoing/guard-address.ts";
import type { LinkAnnouncer } from "../announce-links.ts";
import { buildResolved } from "../link-row.ts";
import type { LinkStore } from "../link-store.ts";
import type { LinkMetrics } from "../metrics.ts";
import { fetchTitle, type FetchedTitle } from "./fetch-title.ts";
import { attemptsMax, TitleLedger, type TitleClaim } from "./title-ledger.ts";

/** Pages of one worker process at once. */
const pagesAtOnceMax = 8;
const forgetEveryMs = 600_000;
const lookUpMsMax = 1_500;

export interface TitleKeeperOptions {
  readonly postgres: Postgres;
  readonly store: Pick<LinkStore, "projectOf">;
  readonly announcer: LinkAnnouncer;
  readonly publicUrl: string;
  readonly metrics: LinkMetrics;
  readonly log: Logger;
  /** Only tests reach anything else than the public internet; there is no setting for it. */
  readonly guard?: AddressGuard;
  readonly idleMs?: number;
}

export class TitleKeeper {
  readonly #options: TitleKeeperOptions;
  readonly #ledger: TitleLedger;
  readonly #guard: AddressGuard;
  readonly #lanes: Lanes<TitleClaim>;
  #forgetAtMs = 0;

  constructor(options: TitleKeeperOptions) {
    this.#options = options;
    this.#ledger = new TitleLedger(options.postgres);
    this.#guard = options.guard ?? new AddressGuard([], [], resolveAtServers);
    this.#lanes = new Lanes({
      lanes: pagesAtOnceMax,
      claim: () => this.#claim(),
      work: (claim, signal) => this.#work(claim, signal),
      trouble: "titles of links could not be claimed or written down, trying again",
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      log: options.log,
    });
  }

  start(): void {
    this.#lanes.start();
  }

  /** A link was made or changed. */
  wake(): void {
    this.#lanes.wake();
  }

  /** Pages under way are left and given back. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #claim(): Promise<TitleClaim | undefined> {
    if (performance.now() >= this.#forgetAtMs) {
      this.#forgetAtMs = performance.now() + forgetEveryMs;
      await this.#ledger.forgetOld();
    }
    return this.#ledger.claim();
  }

  async #work(claim: TitleClaim, signal: AbortSignal): Promise<void> {
    const { publicUrl, metrics } = this.#options;
    // Every process that tried it ended: perhaps because of it.
    if (claim.attempts > attemptsMax) {
      await this.#ledger.drop(claim);
      metrics.titles.inc({ outcome: "failed" });
      return;
    }
    const fetched = await fetchTitle(claim.url, {
      guard: this.#guard,
      isOwn: (url) => isOwnAddress(url, publicUrl),
      signal,
    });
    if (signal.aborted && fetched.outcome === "failed") {
      await this.#ledger.release(claim);
      return;
    }
    metrics.titles.inc({ outcome: await this.#settle(claim, fetched) });
  }

  async #settle(claim: TitleClaim, fetched: FetchedTitle): Promise<FetchedTitle["outcome"] | "retried"> {
    if (fetched.outcome === "found") {
      const row = await this.#ledger.keep(claim, fetched.title);
      if (row !== undefined) {
        const { store, announcer } = this.#options;
        const link = buildResolved(row, await store.projectOf(row.project_id));
        await announcer.announce([{ domain: row.domain, code: row.code, version: link.version, link }]);
      }
    } else if (fetched.outcome === "failed" && fetched.mayRetry && claim.attempts < attemptsMax) {
      await this.#ledger.retry(claim);
      return "retried";
    } else {
      await this.#ledger.drop(claim);
    }
    return fetched.outcome;
  }
}

/**
 * Asks the name servers, and no file of this machine. The system's own way would hold a thread of the few that also
 * hash passwords, for as long as a name server of somebody else's likes.
 */
const resolveAtServers: ResolveName = async (hostname, { family }) => {
  const resolver = new Resolver({ timeout: lookUpMsMax, tries: 1 });
  const look = async (wanted: 4 | 6): Promise<LookupAddress[]> => {
    if (family === 4 || family === 6 ? family !== wanted : false) return [];
    const addresses = await (wanted === 4 ? resolver.resolve4(hostname) : resolver.resolve6(hostname));
    return addresses.map((address) => ({ address, family: wanted }));
  };
  const [four, six] = await Promise.allSettled([look(4), look(6)]);
  const found = [four, six].flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  if (found.length === 0 && four.status === "rejected") throw four.reason;
  return found;
};
