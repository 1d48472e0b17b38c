// From a trend's values to what an alert does: every bucket that has ended and was waited for is judged once, in
// order, and moves the state: ok ▸ firing when the rule is broken, firing ▸ ok when all is normal again.
import type { Bucket } from "#schemas/alerts/alert.ts";
import { intervalMsTypical, intervalOf, isCount, zoneOf, type AlertDefinition } from "./alert-definition.ts";
import { AnomalyDetector } from "./detect-anomaly.ts";
import { isAnomaly, judgeAnomaly, judgeThreshold, type Judgement, type Verdict } from "./judge-bucket.ts";
import { weekMs, Weeks, weeksMax, type Series } from "./weeks.ts";

export type AlertState = "pending" | "learning" | "ok" | "firing";

/** After a long absence only so many of the buckets that passed are looked at, the latest. */
export const bucketsAtOnceMax = 100;
/** History beyond the weeks that are compared: for their levels, and for the errors of the past. */
const historyMs = { hour: (weeksMax + 1) * weekMs + 2 * 86_400_000, day: (weeksMax + 6) * weekMs } as const;
/** The trend reaches beyond now, so that the bucket that is open has an end. */
const intervalsAhead = 2;
const minuteMs = 60_000;

export interface Transition {
  readonly kind: "opened" | "closed";
  readonly bucket: Bucket;
}

export interface Evaluation {
  readonly state: AlertState;
  readonly transitions: readonly Transition[];
  /** The last bucket that was judged; undefined: none was due. */
  readonly latest: Bucket | undefined;
  readonly evaluatedUntilMs: number | undefined;
  /** When the next bucket can be judged, if its events are stored by then. */
  readonly dueMs: number;
  readonly bucketsJudged: number;
}

/** What to ask of the trend: [fromMs, toMs]. */
export function decideRange(
  definition: AlertDefinition,
  evaluatedUntilMs: number | undefined,
  nowMs: number,
): { fromMs: number; toMs: number } {
  const interval = intervalOf(definition.query);
  const lengthMs = intervalMsTypical[interval];
  const closedMs = nowMs - definition.graceSeconds * 1_000;
  // Two lengths before: wherever the last whole bucket begins, it is inside.
  const firstMs = Math.max(
    evaluatedUntilMs ?? closedMs - 2 * lengthMs,
    closedMs - bucketsAtOnceMax * lengthMs,
  );
  const history = isAnomaly(definition.rule) ? historyMs[interval === "day" ? "day" : "hour"] : 0;
  // Whole minutes: the same question within a minute reads the same.
  const toMs = Math.ceil((nowMs + intervalsAhead * lengthMs) / minuteMs) * minuteMs;
  return { fromMs: firstMs - history, toMs };
}

/**
 * `series` begins with a whole bucket and reaches beyond now. `completeMs`: every event that was accepted by then is in
 * it, and it is not later than now.
 */
export function evaluateBuckets(
  definition: AlertDefinition,
  before: { readonly state: AlertState; readonly evaluatedUntilMs: number | undefined },
  series: Series,
  completeMs: number,
): Evaluation {
  const { startsMs, values } = series;
  const graceMs = definition.graceSeconds * 1_000;
  // Ends of buckets are starts of the next; the last bucket's is not known.
  let open = startsMs.findIndex((_, position) => {
    const endMs = startsMs[position + 1];
    return endMs === undefined || endMs + graceMs > completeMs;
  });
  if (open === -1) open = startsMs.length;
  const dueMs = (startsMs[open + 1] ?? completeMs) + graceMs;
  const from = startsMs.findIndex((start) => start >= (before.evaluatedUntilMs ?? -Infinity));
  const first = before.evaluatedUntilMs === undefined ? open - 1 : from === -1 ? open : from;

  // What lies beyond is not judged, and nothing may be learned from it.
  const judge = createJudge(definition, { startsMs: startsMs.slice(0, open), values: values.slice(0, open) });
  let state = before.state;
  let latest: Bucket | undefined;
  const transitions: Transition[] = [];
  for (let position = Math.max(first, open - bucketsAtOnceMax, 0); position < open; position += 1) {
    const { verdict, expected, score } = judge(position);
    latest = {
      start: iso(startsMs[position]),
      end: iso(startsMs[position + 1]),
      value: values[position] ?? null,
      expected,
      score,
    };
    const next = nextState(state, verdict);
    if (next === "firing" && state !== "firing") transitions.push({ kind: "opened", bucket: latest });
    if (next !== "firing" && state === "firing") transitions.push({ kind: "closed", bucket: latest });
    state = next;
  }
  return {
    state,
    transitions,
    latest,
    evaluatedUntilMs: latest === undefined ? undefined : Date.parse(latest.end),
    dueMs,
    bucketsJudged: latest === undefined ? 0 : open - Math.max(first, open - bucketsAtOnceMax, 0),
  };
}

function createJudge(definition: AlertDefinition, series: Series): (position: number) => Judgement {
  const { rule, query } = definition;
  if (!isAnomaly(rule)) return (position) => judgeThreshold(rule, series.values[position] ?? null);
  const interval = intervalOf(query) === "day" ? "day" : "hour";
  const detector = new AnomalyDetector(new Weeks(series, zoneOf(query)), interval, isCount(query));
  return (position) => judgeAnomaly(rule, detector, position);
}

function nextState(state: AlertState, verdict: Verdict): AlertState {
  switch (verdict) {
    case "breach":
      return "firing";
    case "normal":
      return "ok";
    case "near":
      return state === "firing" ? "firing" : "ok";
    case "learning":
      return state === "firing" ? "firing" : "learning";
    case "unknown":
      return state === "pending" ? "ok" : state;
  }
}

function iso(ms: number | undefined): string {
  return new Date(ms as number).toISOString();
}
