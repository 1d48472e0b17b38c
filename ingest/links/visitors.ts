// Who clicked, without keeping who: a hash of address and user agent under a salt that changes every day, of which
// nothing is left afterwards. The same visitor is the same on all edges for one day, and in one project only.
import { hash, randomBytes } from "node:crypto";
import type { Logger } from "#ops/runtime/log.ts";

const dayMs = 24 * 3600 * 1000;
/** The next day's salt is asked for in time. */
const aheadMs = 3600 * 1000;
const checkMs = 1_000;
const hashLength = 22;

interface Salt {
  readonly day: number;
  readonly text: string;
  /** False: made here, because the shared one could not be asked for. */
  readonly shared: boolean;
}

export class Visitors {
  readonly #readSalt: (day: string) => Promise<string>;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #salts: Salt[] = [];
  #reading = false;

  /** `readSalt` takes a day such as 2026-11-23, in UTC. */
  constructor(options: { readSalt: (day: string) => Promise<string>; log: Logger; now?: () => number }) {
    this.#readSalt = options.readSalt;
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
    this.#timer = setInterval(() => void this.renew(), checkMs);
    this.#timer.unref();
    void this.renew();
  }

  /** 22 characters that name the visitor for this day and project. */
  nameOf(projectId: number, address: string, userAgent: string, nowMs: number): string {
    const { text } = this.#saltOf(Math.floor(nowMs / dayMs));
    return hash("sha256", `${text}\n${projectId}\n${address}\n${userAgent}`, "base64url").slice(
      0,
      hashLength,
    );
  }

  /** Asks for the salts that are needed and not there: today's, and in the last hour tomorrow's. */
  async renew(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const nowMs = this.#now();
      for (const day of new Set([Math.floor(nowMs / dayMs), Math.floor((nowMs + aheadMs) / dayMs)])) {
        if (this.#salts.some((salt) => salt.day === day && salt.shared)) continue;
        this.#put({ day, text: await this.#readSalt(nameOfDay(day)), shared: true });
      }
    } catch (error) {
      this.#log.debug({ err: error }, "the salt of visitors cannot be asked for yet");
    } finally {
      this.#reading = false;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #saltOf(day: number): Salt {
    const [newest] = this.#salts;
    if (newest?.day === day) return newest;
    const known = this.#salts.find((salt) => salt.day === day);
    if (known !== undefined) return known;
    // Clicks are not held up for it: until the shared one is there, visitors are told apart on this edge alone.
    this.#log.warn(
      { day: nameOfDay(day) },
      "visitors are counted by this edge alone until the salt is known",
    );
    const own: Salt = { day, text: randomBytes(32).toString("base64url"), shared: false };
    this.#put(own);
    return own;
  }

  #put(salt: Salt): void {
    const today = Math.floor(this.#now() / dayMs);
    const others = this.#salts.filter(({ day }) => day !== salt.day && day >= today - 1);
    this.#salts = [salt, ...others];
  }
}

function nameOfDay(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}
