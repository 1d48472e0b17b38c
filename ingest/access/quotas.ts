// Events a project may send in a day and a month, counted over all edges in Redis. An edge leases a thousandth at once,
// and less where little is left, so that counting costs next to nothing and what is leased in vain stays small.
// Never more events than the quota are taken while Redis keeps its memory; afterwards counting goes on from what the
// workers have stored, without what waits in the log. While Redis is away each edge counts for itself from there.
import { MillraceError } from "#schemas/errors.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { periodEndMs, periodName, quotaPeriods, type QuotaPeriod } from "#schemas/projects/quota.ts";
import type { EventsTaken } from "#schemas/projects/usage.ts";
import type { QuotaCounter } from "./quota-counter.ts";

export const quotaLimits = {
  /** Of the quota, and of what is left: what is leased at once, at most. */
  leaseParts: 1_000,
  leasePartsOfRest: 100,
  leaseEventsMax: 10_000,
  /** A lease of which nothing was used for this long goes back. */
  leaseIdleMs: 5_000,
  /** What is used up is looked at again after this time: leases of others may have come back. */
  lookAgainMs: 1_000,
  /** While Redis is away: how often the stored count is asked for. */
  refreshMs: 5_000,
  /** Projects remembered; past it the ones without a lease are forgotten. */
  projectsMax: 10_000,
} as const;

/** The part of a key that quotas look at. */
export type QuotaOf = Pick<ResolvedKey, "projectId" | "eventsPerDayMax" | "eventsPerMonthMax">;

interface Allowance {
  readonly projectId: number;
  readonly period: QuotaPeriod;
  /** Quota and name of the period: when one of them changes, the allowance is a new one. */
  readonly max: number;
  readonly name: string;
  readonly endsAtMs: number;
  leased: number;
  usedAtMs: number;
  /** Nothing is left: not asked again before. */
  emptyUntilMs: number;
  /** Counted here while Redis was away, and not there yet. */
  owed: number;
  local: { count: number; freshUntilMs: number };
}

export interface QuotasOptions {
  /** Undefined: every edge counts for itself. */
  readonly counter: QuotaCounter | undefined;
  /** What is stored of a project's events. */
  readonly eventsTaken: (projectId: number, atMs: number) => Promise<EventsTaken>;
  readonly now?: () => number;
}

export class Quotas {
  readonly #options: QuotasOptions;
  readonly #now: () => number;
  readonly #allowances = new Map<string, Allowance>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: QuotasOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#timer = setInterval(() => void this.#giveBack(false), quotaLimits.leaseIdleMs);
    this.#timer.unref();
  }

  /** Why nothing of this project can be taken now, before its body is read; undefined when something may. */
  refusal(key: QuotaOf): MillraceError | undefined {
    if (!hasQuota(key)) return undefined;
    const nowMs = this.#now();
    for (const period of quotaPeriods) {
      const allowance = this.#find(key, period, nowMs);
      if (allowance !== undefined && nowMs < allowance.emptyUntilMs) return usedUp(allowance, 0, nowMs);
    }
    return undefined;
  }

  /** Takes all of `events`, or none; a promise only when a lease is needed. */
  take(key: QuotaOf, events: number): MillraceError | undefined | Promise<MillraceError | undefined> {
    const nowMs = this.#now();
    const allowances = quotaPeriods.flatMap((period) => this.#find(key, period, nowMs) ?? []);
    if (allowances.every((allowance) => allowance.leased >= events)) {
      for (const allowance of allowances) use(allowance, events, nowMs);
      return undefined;
    }
    return this.#takeLater(allowances, events);
  }

  /** Events that were taken and did not go into the log. */
  give(key: QuotaOf, events: number): void {
    const nowMs = this.#now();
    for (const period of quotaPeriods) {
      const allowance = this.#find(key, period, nowMs);
      if (allowance !== undefined) allowance.leased += events;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#giveBack(true);
  }

  async #takeLater(allowances: readonly Allowance[], events: number): Promise<MillraceError | undefined> {
    for (const allowance of allowances) {
      // Others may use the lease meanwhile; the same number of rounds as periods is the usual case.
      const left = await this.#lease(allowance, events);
      if (left !== undefined) return usedUp(allowance, left, this.#now());
    }
    // Taken together, with nothing in between: a refusal by the second period takes nothing of the first.
    const nowMs = this.#now();
    const short = allowances.find((allowance) => allowance.leased < events);
    if (short !== undefined) return this.#takeLater(allowances, events);
    for (const allowance of allowances) use(allowance, events, nowMs);
    return undefined;
  }

  /** Leases until `events` are there; answers what is left when that is too little. */
  async #lease(allowance: Allowance, events: number): Promise<number | undefined> {
    const missing = events - allowance.leased;
    if (missing <= 0) return undefined;
    const { granted, left } = await this.#grant(allowance, missing);
    allowance.leased += granted;
    if (granted > 0) return undefined;
    if (left <= 0 && allowance.leased === 0) {
      allowance.emptyUntilMs = Math.min(allowance.endsAtMs, this.#now() + quotaLimits.lookAgainMs);
    }
    return left + allowance.leased;
  }

  async #grant(allowance: Allowance, missing: number): Promise<{ granted: number; left: number }> {
    const { counter } = this.#options;
    if (counter === undefined) return this.#grantLocally(allowance, missing);
    const { projectId, name, max, endsAtMs } = allowance;
    const request = {
      projectId,
      name,
      max,
      missing,
      wish: wishOf(max),
      restParts: quotaLimits.leasePartsOfRest,
      endsAtMs,
    };
    try {
      const owed = allowance.owed;
      let answer = await counter.lease({ ...request, owed });
      if (answer === undefined) {
        // Redis knows nothing of the period: it begins, or Redis lost its memory.
        await counter.begin({ ...request, count: await this.#stored(allowance) });
        answer = await counter.lease({ ...request, owed: 0 });
      }
      if (answer === undefined) throw new Error("the counter does not stay");
      allowance.owed -= owed;
      return answer;
    } catch {
      return this.#grantLocally(allowance, missing);
    }
  }

  async #grantLocally(allowance: Allowance, missing: number): Promise<{ granted: number; left: number }> {
    const { local, max } = allowance;
    if (this.#now() >= local.freshUntilMs) {
      // Asked once, however many wait for a lease.
      local.freshUntilMs = this.#now() + quotaLimits.refreshMs;
      local.count = Math.max(local.count, await this.#stored(allowance).catch(() => 0));
    }
    const left = max - local.count;
    if (left < missing) return { granted: 0, left };
    local.count += missing;
    allowance.owed += missing;
    return { granted: missing, left: left - missing };
  }

  async #stored({ projectId, period }: Allowance): Promise<number> {
    const taken = await this.#options.eventsTaken(projectId, this.#now());
    return taken[period];
  }

  #find(key: QuotaOf, period: QuotaPeriod, nowMs: number): Allowance | undefined {
    const max = period === "day" ? key.eventsPerDayMax : key.eventsPerMonthMax;
    if (max === null) return undefined;
    const place = `${period}:${key.projectId}`;
    const known = this.#allowances.get(place);
    if (known !== undefined && known.max === max && nowMs < known.endsAtMs) return known;
    if (known !== undefined) void this.#return(known);
    else if (this.#allowances.size >= quotaLimits.projectsMax) this.#forget();
    const allowance: Allowance = {
      projectId: key.projectId,
      period,
      max,
      name: periodName(period, nowMs),
      endsAtMs: periodEndMs(period, nowMs),
      leased: 0,
      usedAtMs: nowMs,
      emptyUntilMs: 0,
      owed: 0,
      local: { count: 0, freshUntilMs: 0 },
    };
    this.#allowances.set(place, allowance);
    return allowance;
  }

  #forget(): void {
    for (const [place, { leased, owed }] of this.#allowances) {
      if (leased === 0 && owed === 0) this.#allowances.delete(place);
    }
  }

  async #giveBack(all: boolean): Promise<void> {
    const idleSinceMs = this.#now() - quotaLimits.leaseIdleMs;
    const idle = [...this.#allowances.values()].filter(
      (allowance) => allowance.leased > 0 && (all || allowance.usedAtMs < idleSinceMs),
    );
    await Promise.all(idle.map((allowance) => this.#return(allowance)));
  }

  async #return(allowance: Allowance): Promise<void> {
    const { leased, owed, projectId, name, endsAtMs } = allowance;
    allowance.leased = 0;
    // What Redis was not told of yet is taken off there.
    const ours = Math.min(leased, owed);
    allowance.owed -= ours;
    allowance.local.count -= ours;
    if (leased > ours && this.#now() < endsAtMs) {
      await this.#options.counter?.give({ projectId, name, events: leased - ours }).catch(() => undefined);
    }
  }
}

export function hasQuota(key: QuotaOf): boolean {
  return key.eventsPerDayMax !== null || key.eventsPerMonthMax !== null;
}

function wishOf(max: number): number {
  return Math.min(quotaLimits.leaseEventsMax, Math.ceil(max / quotaLimits.leaseParts));
}

function use(allowance: Allowance, events: number, nowMs: number): void {
  allowance.leased -= events;
  allowance.usedAtMs = nowMs;
}

function usedUp({ max, period, endsAtMs }: Allowance, left: number, nowMs: number): MillraceError {
  const rest = left > 0 ? `has room for ${left} more` : "is used up";
  return new MillraceError("QUOTA_EXCEEDED", {
    message: `The project's quota of ${max} events a ${period} ${rest}; counting begins anew at ${new Date(endsAtMs).toISOString()}.`,
    retryAfterSeconds: Math.max(1, Math.ceil((endsAtMs - nowMs) / 1000)),
  });
}
