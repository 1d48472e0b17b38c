// What an alert watches, as its evaluation needs it.
import type { AlertRule } from "#schemas/alerts/alert.ts";

export const alertIntervals = ["minute", "hour", "day", "week", "month"] as const;
export type AlertInterval = (typeof alertIntervals)[number];

export interface AlertDefinition {
  /** A trends query that was checked. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly rule: AlertRule;
  readonly graceSeconds: number;
}

export const intervalMsTypical: Readonly<Record<AlertInterval, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 31 * 86_400_000,
};

const graceSecondsDefaults: Readonly<Record<AlertInterval, number>> = {
  minute: 30,
  hour: 60,
  day: 300,
  week: 300,
  month: 300,
};

/** Of events or of people: what is left of other values when nothing happens is not zero. */
const countingMaths: ReadonlySet<unknown> = new Set([undefined, "total", "unique_users"]);

export function intervalOf(query: AlertDefinition["query"]): AlertInterval {
  const given = query["interval"];
  return alertIntervals.find((interval) => interval === given) ?? "day";
}

export function zoneOf(query: AlertDefinition["query"]): string {
  return typeof query["timezone"] === "string" ? query["timezone"] : "UTC";
}

export function isCount(query: AlertDefinition["query"]): boolean {
  const series = query["series"] as readonly { math?: unknown }[];
  return query["formula"] === undefined && countingMaths.has(series[0]?.math);
}

export function graceSecondsDefault(query: AlertDefinition["query"]): number {
  return graceSecondsDefaults[intervalOf(query)];
}
