// Which of the selectors that questions lacked are worth being kept, and which of those that are kept no longer are.
// A pure decision; learner.ts carries it out.

/** Rows that were read, and questions, are worth half as much after this. */
export const halfLifeSeconds = 3 * 86_400;
/** Asked again: the second question within a half-life, or the third in a week. */
const askedMin = 1.5;
/**
 * Rows that were read for want of it. A million take 40 ms of one core, 120 with sets of people; to compute it takes a
 * second once, and then a ninetieth of that a day.
 */
const rowsMin = 2_000_000;
/** One that is kept is given up for one that costs this many times as much. */
const displacedBy = 2;
const idleSeconds = 14 * 86_400;
/** Before one whose values were too many is tried again. */
export const refusedSeconds = 7 * 86_400;
/** Tries in a row that failed. */
const failuresMax = 5;
/**
 * Events that all learned selectors of a project look at together, for each event that it has, and in any case. Kept
 * are 4 bytes of an event that is looked at (measured: 16 values, sets of people by hour and day), raw ones are 53.
 */
const looksPerEvent = 2;
const looksMin = 50_000_000;

export interface Candidate {
  readonly hash: string;
  /** By now: halved for each half-life since it was noted. */
  readonly rows: number;
  readonly asked: number;
  /** Events that it would look at. */
  readonly events: number;
  readonly learned: boolean;
  /** Since it was learned or used. */
  readonly idleSeconds: number;
  readonly refused: boolean;
  /** Of the selector, if there is one. */
  readonly daysKept: number;
  readonly daysRefused: number;
  readonly failures: number;
}

export interface Decision {
  /** The most valuable first. */
  readonly kept: readonly Candidate[];
  /** Cannot be kept. */
  readonly refused: readonly Candidate[];
  /** Not asked for any more, or less than others. */
  readonly dropped: readonly Candidate[];
}

export function decideLearned(
  candidates: readonly Candidate[],
  { learnedMax, events }: { readonly learnedMax: number; readonly events: number },
): Decision {
  const refused = candidates.filter((each) => each.learned && isRefused(each));
  const worth = candidates.filter((each) => !isRefused(each) && isWorthKeeping(each));
  const valueOf = ({ rows, learned }: Candidate): number => rows * (learned ? displacedBy : 1);
  const kept: Candidate[] = [];
  let looksLeft = Math.max(looksMin, looksPerEvent * events);
  for (const each of worth.sort((left, right) => valueOf(right) - valueOf(left))) {
    if (kept.length >= learnedMax || each.events > looksLeft) continue;
    looksLeft -= each.events;
    kept.push(each);
  }
  const dropped = candidates.filter(
    (each) => each.learned && !kept.includes(each) && !refused.includes(each),
  );
  return { kept, refused, dropped };
}

function isWorthKeeping({ learned, idleSeconds: idle, rows, asked }: Omit<Candidate, "events">): boolean {
  return learned ? idle < idleSeconds : asked >= askedMin && rows >= rowsMin;
}

/** Most of its days have too many values, or it fails again and again. */
function isRefused({ refused, daysKept, daysRefused, failures }: Omit<Candidate, "events">): boolean {
  return refused || daysRefused > daysKept || failures >= failuresMax;
}

/** False: nothing will be learned, however few events they look at. */
export function mayLearn(candidates: readonly Omit<Candidate, "events">[]): boolean {
  return candidates.some((each) => !each.learned && !isRefused(each) && isWorthKeeping(each));
}
