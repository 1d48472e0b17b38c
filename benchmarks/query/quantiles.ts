// p50 and p95 of a few measured times, by the nearest rank: of ten, p95 is the largest.

export interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export function timesOf(values: readonly number[]): Times {
  const ordered = [...values].sort((left, right) => left - right);
  const rank = (part: number): number => {
    const value = ordered[Math.max(0, Math.ceil(ordered.length * part) - 1)] ?? 0;
    return Math.round(value * 10) / 10;
  };
  return { count: ordered.length, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
}
