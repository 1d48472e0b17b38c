// For tests: what funnels mean, as plainly as possible and by other ways than the kernel's: all chains, all orders of
// tied events, Hall's theorem instead of augmenting paths.
import type { FunnelOrder } from "#schemas/query/funnel.ts";

/** One event of a person. */
export interface FunnelReferenceEvent {
  readonly timeMs: number;
  /** Numbers of the steps and of the exclusions that it matches. */
  readonly steps: readonly number[];
  readonly exclusions: readonly number[];
  readonly value: number;
}

export interface FunnelReferenceRules {
  readonly steps: number;
  readonly order: FunnelOrder;
  readonly windowMs: number;
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
  readonly exclusions: readonly { readonly fromStep: number; readonly toStep: number }[];
}

export interface ReferenceAttempt {
  readonly startMs: number;
  readonly value: number;
  /** When each step was reached; as many as were. */
  readonly timesMs: readonly number[];
}

type Events = readonly FunnelReferenceEvent[];

/** Every attempt that survived; strict ones once for every order of tied events. */
export function survivingAttempts(events: Events, rules: FunnelReferenceRules): ReferenceAttempt[] {
  const attempts: ReferenceAttempt[] = [];
  for (const first of events) {
    if (first.timeMs < rules.fromMs || first.timeMs >= rules.endMs) continue;
    if (rules.order === "unordered" ? first.steps.length === 0 : !first.steps.includes(0)) continue;
    const follow = { ordered: orderedTimes, strict: strictTimes, unordered: unorderedTimes }[rules.order];
    for (const timesMs of follow(events, first, rules)) {
      if (!isDiscarded(events, timesMs, rules)) {
        attempts.push({ startMs: first.timeMs, value: first.value, timesMs });
      }
    }
  }
  return attempts;
}

/** The one that reached furthest; of those the earliest, then the one with the earliest steps, the smallest value. */
export function bestAttempt(attempts: readonly ReferenceAttempt[]): ReferenceAttempt | undefined {
  return [...attempts].sort((left, right) => {
    if (left.timesMs.length !== right.timesMs.length) return right.timesMs.length - left.timesMs.length;
    const step = left.timesMs.findIndex((time, index) => time !== right.timesMs[index]);
    if (step !== -1) return (left.timesMs[step] as number) - (right.timesMs[step] as number);
    return left.value - right.value;
  })[0];
}

/** Every chain of distinct events from the first on, one step after another; of each step the earliest instant. */
function orderedTimes(events: Events, first: FunnelReferenceEvent, rules: FunnelReferenceRules): number[][] {
  const timesMs = [first.timeMs];
  const seen = new Set<string>();
  const visit = (step: number, atMs: number, usedNow: readonly FunnelReferenceEvent[]): void => {
    const key = `${step} ${atMs} ${usedNow.map((event) => events.indexOf(event)).sort((a, b) => a - b)}`;
    if (step === rules.steps || seen.has(key)) return;
    seen.add(key);
    for (const event of events) {
      if (!event.steps.includes(step) || event.timeMs < atMs || usedNow.includes(event)) continue;
      if (event.timeMs > first.timeMs + rules.windowMs) continue;
      timesMs[step] = Math.min(timesMs[step] ?? Infinity, event.timeMs);
      visit(step + 1, event.timeMs, event.timeMs === atMs ? [...usedNow, event] : [event]);
    }
  };
  visit(1, first.timeMs, [first]);
  return [timesMs];
}

/**
 * Every order of tied events: what can be the very next event, again and again; of the orders that can be taken the
 * longest chain. The others of the first instant may come before the first event, or after it as further steps.
 */
function strictTimes(events: Events, first: FunnelReferenceEvent, rules: FunnelReferenceRules): number[][] {
  const others = events.filter((event) => event !== first && event.timeMs >= first.timeMs);
  const later = others.filter((event) => event.timeMs > first.timeMs);
  const tied = others.filter((event) => event.timeMs === first.timeMs);
  return subsets(tied).flatMap((after) => {
    let longest: readonly number[] = [];
    const visit = (timesMs: readonly number[], rest: Events): void => {
      const isWhole = timesMs.length > after.length;
      if (isWhole && timesMs.length > longest.length) longest = timesMs;
      const nextMs = Math.min(...rest.map((event) => event.timeMs));
      if (timesMs.length === rules.steps || nextMs > first.timeMs + rules.windowMs) return;
      for (const event of rest) {
        if (event.timeMs !== nextMs || !event.steps.includes(timesMs.length)) continue;
        visit(
          [...timesMs, nextMs],
          rest.filter((other) => other !== event),
        );
      }
    };
    visit([first.timeMs], [...after, ...later]);
    return longest.length === 0 ? [] : [[...longest]];
  });
}

/** Of k = 1, 2, …: the first instant at which k steps can have events of their own. */
function unorderedTimes(
  events: Events,
  first: FunnelReferenceEvent,
  rules: FunnelReferenceRules,
): number[][] {
  const inWindow = events.filter(
    ({ timeMs }) => timeMs >= first.timeMs && timeMs <= first.timeMs + rules.windowMs,
  );
  const timesMs: number[] = [];
  for (const atMs of [...new Set(inWindow.map(({ timeMs }) => timeMs))].sort((a, b) => a - b)) {
    const size = matchingSize(
      inWindow.filter(({ timeMs }) => timeMs <= atMs),
      rules.steps,
    );
    while (timesMs.length < size) timesMs.push(atMs);
  }
  return [timesMs];
}

/** Hall: of all sets of steps, the one with too few events says how many steps stay without. */
function matchingSize(events: Events, steps: number): number {
  const all = Array.from({ length: steps }, (_, step) => step);
  return Math.min(
    ...subsets(all).map((chosen) => {
      const neighbours = events.filter((event) => event.steps.some((step) => chosen.includes(step)));
      return steps - chosen.length + neighbours.length;
    }),
  );
}

function isDiscarded(events: Events, timesMs: readonly number[], rules: FunnelReferenceRules): boolean {
  return rules.exclusions.some(({ fromStep, toStep }, index) => {
    const reachedMs = timesMs[fromStep];
    if (reachedMs === undefined) return false;
    const toMs = timesMs[toStep];
    return events.some(
      ({ timeMs, exclusions }) =>
        exclusions.includes(index) &&
        timeMs > reachedMs &&
        (toMs === undefined ? timeMs <= (timesMs[0] as number) + rules.windowMs : timeMs < toMs),
    );
  });
}

function subsets<T>(values: readonly T[]): T[][] {
  return values.reduce<T[][]>((sets, value) => [...sets, ...sets.map((set) => [...set, value])], [[]]);
}
