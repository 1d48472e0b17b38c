// How many events a project may send in a day and a month, and when counting begins anew. Days are UTC.

export const quotaPeriods = ["day", "month"] as const;
export type QuotaPeriod = (typeof quotaPeriods)[number];

/** "2026-11-22" or "2026-11". */
export function periodName(period: QuotaPeriod, instantMs: number): string {
  return new Date(instantMs).toISOString().slice(0, period === "day" ? 10 : 7);
}

/** The first instant of the next period. */
export function periodEndMs(period: QuotaPeriod, instantMs: number): number {
  const at = new Date(instantMs);
  return period === "day"
    ? Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1)
    : Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
}
