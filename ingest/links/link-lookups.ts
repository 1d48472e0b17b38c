// Questions to the links service, many in one request: those of one turn of the event loop go together, and the next
// ones gather for some milliseconds. Somebody who tries codes at random then asks for more at once, not more often, and
// visits of known links go on beside it. One request and its answer cost the edge as much as eight redirects.
import type { ResolvedLink } from "#schemas/links/link.ts";
import { Pace } from "./pace.ts";

export const lookupLimits = {
  /** Requests under way at once. */
  requestsMax: 2,
  /** Addresses in one request. */
  addressesMax: 256,
  /** Between two requests; a question that comes alone waits for none. */
  everyMs: 4,
} as const;

interface Question {
  readonly domain: string;
  readonly code: string;
  readonly resolve: (link: ResolvedLink | null) => void;
  readonly reject: (error: unknown) => void;
}

type ResolveAddresses = (
  addresses: { domain: string; code: string }[],
) => Promise<readonly (ResolvedLink | null)[]>;

export class LinkLookups {
  readonly #resolveMany: ResolveAddresses;
  /** Bounded by what asks: findLinkLimits.lookupsMax. */
  #waiting: Question[] = [];
  #requests = 0;
  readonly #pace = new Pace(lookupLimits.everyMs, () => {
    while (this.#waiting.length > 0 && this.#requests < lookupLimits.requestsMax) {
      void this.#ask(this.#waiting.splice(0, lookupLimits.addressesMax));
    }
  });

  /** `resolveMany` answers in the order it was asked. */
  constructor(resolveMany: ResolveAddresses) {
    this.#resolveMany = resolveMany;
  }

  resolve(domain: string, code: string): Promise<ResolvedLink | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ domain, code, resolve, reject });
      if (this.#requests < lookupLimits.requestsMax) this.#pace.ask();
    });
  }

  async #ask(questions: readonly Question[]): Promise<void> {
    this.#requests += 1;
    try {
      const links = await this.#resolveMany(questions.map(({ domain, code }) => ({ domain, code })));
      questions.forEach(({ resolve }, index) => resolve(links[index] ?? null));
    } catch (error) {
      for (const { reject } of questions) reject(error);
    } finally {
      this.#requests -= 1;
      if (this.#waiting.length > 0) this.#pace.ask();
    }
  }
}
