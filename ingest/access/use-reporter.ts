// What only the edges know of a project's use: rejected events, the rules of tracking plans they broke, bytes, queries,
// and when keys were used. Counted in memory and reported every few seconds; an edge that dies takes at most what it
// counted since its last report with it.
import { randomUUID } from "node:crypto";
import type { Logger } from "#ops/runtime/log.ts";
import { ViolationTotals, type ViolationTotal } from "#schemas/plans/violation-totals.ts";
import { dayOf, type EdgeUse, type UseReport } from "#schemas/projects/usage.ts";
import type { KeyCache } from "./key-cache.ts";

export const reportLimits = {
  everyMs: 5_000,
  /** Projects and days in one report; more go with the next ones. */
  usesMax: 2_000,
  keysMax: 5_000,
  /** Keys' times of use are reported with every so manieth report. */
  keysEvery: 6,
  stopMsMax: 1_000,
} as const;

const dayMs = 86_400_000;

type Counts = { -readonly [Name in keyof EdgeUse]: EdgeUse[Name] };

export interface UseReporterOptions {
  readonly keys: Pick<KeyCache, "usedSince">;
  /** Resolves when the report is counted; it may be sent again. */
  readonly send: (report: UseReport) => Promise<void>;
  readonly log: Logger;
}

export class UseReporter {
  readonly #options: UseReporterOptions;
  readonly #run = randomUUID();
  readonly #counts = new Map<number, Counts>();
  /** Of days that are over. */
  readonly #finished: Counts[] = [];
  readonly #violations = new ViolationTotals();
  readonly #timer: NodeJS.Timeout;
  #dayEndsAtMs = 0;
  #day = "";
  #number = 0;
  /** Sent, but not answered yet: sent again as it is, before anything else. */
  #open: UseReport | undefined;
  #sending: Promise<void> | undefined;
  #rounds = 0;
  #keysSinceMs = 0;

  constructor(options: UseReporterOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#round(), reportLimits.everyMs);
    this.#timer.unref();
  }

  events(projectId: number, rejected: number, bytes: number): void {
    const counts = this.#find(projectId);
    counts.rejected += rejected;
    counts.bytes += bytes;
  }

  violation(violation: Omit<ViolationTotal, "events">): void {
    this.#violations.add(violation);
  }

  query(projectId: number): void {
    this.#find(projectId).queries += 1;
  }

  /** Reports what is left, and waits for it a moment. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const last = (async () => {
      await this.#sending;
      this.#rounds = reportLimits.keysEvery - 1;
      await this.#round();
    })();
    await Promise.race([last, new Promise((resolve) => setTimeout(resolve, reportLimits.stopMsMax).unref())]);
  }

  #find(projectId: number): Counts {
    const nowMs = Date.now();
    if (nowMs >= this.#dayEndsAtMs || nowMs < this.#dayEndsAtMs - dayMs) {
      this.#finished.push(...this.#counts.values());
      this.#counts.clear();
      this.#day = dayOf(nowMs);
      this.#dayEndsAtMs = Date.parse(`${this.#day}T00:00:00Z`) + dayMs;
    }
    const known = this.#counts.get(projectId);
    if (known !== undefined) return known;
    const counts = { projectId, day: this.#day, rejected: 0, bytes: 0, queries: 0 };
    this.#counts.set(projectId, counts);
    return counts;
  }

  #round(): Promise<void> {
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
    return this.#sending;
  }

  async #send(): Promise<void> {
    this.#rounds += 1;
    this.#open ??= this.#gather();
    if (this.#open === undefined) return;
    try {
      await this.#options.send(this.#open);
      this.#open = undefined;
    } catch (error) {
      this.#options.log.debug({ err: error }, "use of projects could not be reported yet");
    }
  }

  #gather(): UseReport | undefined {
    const uses: EdgeUse[] = this.#finished.splice(0, reportLimits.usesMax);
    for (const [projectId, counts] of this.#counts) {
      if (uses.length >= reportLimits.usesMax) break;
      this.#counts.delete(projectId);
      uses.push(counts);
    }
    const keys = this.#rounds % reportLimits.keysEvery === 0 ? this.#keysUsed() : [];
    const violations = this.#violations.take();
    if (uses.length === 0 && keys.length === 0 && violations.length === 0) return undefined;
    this.#number += 1;
    return { run: this.#run, number: this.#number, uses, keys, violations };
  }

  #keysUsed(): UseReport["keys"] {
    const sinceMs = this.#keysSinceMs;
    this.#keysSinceMs = Date.now();
    return this.#options.keys.usedSince(sinceMs).slice(0, reportLimits.keysMax);
  }
}
