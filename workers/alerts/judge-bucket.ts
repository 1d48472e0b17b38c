// One rule on one bucket: is it beyond what the rule allows.
import type { AlertRule, AnomalyRule, Expected, Sensitivity, ThresholdRule } from "#schemas/alerts/alert.ts";
import type { AnomalyDetector } from "./detect-anomaly.ts";

/** "near": no longer beyond, not yet normal; an open incident stays open. "unknown": there is no value. */
export type Verdict = "breach" | "near" | "normal" | "unknown" | "learning";

export interface Judgement {
  readonly verdict: Verdict;
  readonly expected: Expected;
  readonly score: number | null;
}

/** Distances in spreads; how often quiet weeks reach them is counted in false-alarms.test.ts. */
export const scoresMin: Readonly<Record<Sensitivity, number>> = { low: 7, medium: 5.5, high: 4.5 };
/** An incident ends when the distance is that part of the one that opens it, so that it does not flicker. */
const normalPart = 0.6;

const nothingExpected: Expected = { value: null, low: null, high: null };

export function judgeThreshold(rule: ThresholdRule, value: number | null): Judgement {
  const limit = rule.value;
  const expected: Expected = {
    ...nothingExpected,
    ...(rule.operator.startsWith("gt") ? { high: limit } : { low: limit }),
  };
  if (value === null) return { verdict: "unknown", expected, score: null };
  const breaches = {
    gt: value > limit,
    gte: value >= limit,
    lt: value < limit,
    lte: value <= limit,
  }[rule.operator];
  return { verdict: breaches ? "breach" : "normal", expected, score: null };
}

export function judgeAnomaly(rule: AnomalyRule, detector: AnomalyDetector, position: number): Judgement {
  if ((detector.weeks.values[position] ?? null) === null) {
    return { verdict: "unknown", expected: nothingExpected, score: null };
  }
  const estimate = detector.estimate(position);
  if (estimate === undefined) return { verdict: "learning", expected: nothingExpected, score: null };
  const scoreMin = scoresMin[rule.sensitivity ?? "medium"];
  const direction = rule.direction ?? "both";
  const { score } = estimate;
  const distance = direction === "both" ? Math.abs(score) : direction === "up" ? score : -score;
  return {
    verdict: distance >= scoreMin ? "breach" : distance <= normalPart * scoreMin ? "normal" : "near",
    expected: {
      value: round(estimate.expected),
      low: direction === "up" ? null : round(estimate.valueAt(-scoreMin)),
      high: direction === "down" ? null : round(estimate.valueAt(scoreMin)),
    },
    score: round(score),
  };
}

/** Six digits say more than anybody can know. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}

export function isAnomaly(rule: AlertRule): rule is AnomalyRule {
  return rule.type === "anomaly";
}
