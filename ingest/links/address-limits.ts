// Redirects a second for each address (each /64 of IPv6), counted in this process: it stops one visitor from taking the whole edge, and
// nobody else notices it. Without Redis, because a redirect costs less than asking it.
import { MillraceError } from "#schemas/errors.ts";
import { networkOf } from "#schemas/network-of.ts";

const windowMs = 1_000;
/** Addresses counted in one second; those beyond it are not limited. */
const addressesMax = 100_000;

export class AddressLimits {
  readonly #perSecondMax: number;
  #counts = new Map<string, number>();
  #windowEndsAtMs = 0;

  /** 0: no limit. */
  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  /** Counts one; why it cannot be taken, when there were too many. */
  take(address: string, nowMs: number): MillraceError | undefined {
    if (this.#perSecondMax === 0) return undefined;
    const sender = networkOf(address);
    if (nowMs >= this.#windowEndsAtMs || nowMs < this.#windowEndsAtMs - windowMs) {
      this.#windowEndsAtMs = nowMs + windowMs;
      this.#counts = new Map();
    }
    const count = (this.#counts.get(sender) ?? 0) + 1;
    if (count > this.#perSecondMax) return new MillraceError("RATE_LIMITED", { retryAfterSeconds: 1 });
    if (count > 1 || this.#counts.size < addressesMax) this.#counts.set(sender, count);
    return undefined;
  }
}
