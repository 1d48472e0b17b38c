// Months as the partitions of stored events name them: 202611 in UTC, 0 for everything before 2010.

/** Classes from here on are no days: each names what came back from archives in one go. */
export const restoredClassMin = 60_000;
export const restoredClassMax = 64_999;

export interface MsRange {
  readonly fromMs: number;
  /** First instant after it. */
  readonly endMs: number;
}

const firstMonthMs = Date.UTC(2010, 0, 1);
/** What a stored time can be: from 1900 on. */
const earliestMs = Date.UTC(1900, 0, 1);

export function monthOf(atMs: number): number {
  if (atMs < firstMonthMs) return 0;
  const date = new Date(atMs);
  return date.getUTCFullYear() * 100 + date.getUTCMonth() + 1;
}

export function rangeOfMonth(month: number): MsRange {
  if (month === 0) return { fromMs: earliestMs, endMs: firstMonthMs };
  const year = Math.floor(month / 100);
  return { fromMs: Date.UTC(year, (month % 100) - 1, 1), endMs: Date.UTC(year, month % 100, 1) };
}

export function nameOfMonth(month: number): string {
  return month === 0 ? "before-2010" : `${Math.floor(month / 100)}-${String(month % 100).padStart(2, "0")}`;
}

/** Undefined: the text names no month. */
export function parseMonth(name: string): number | undefined {
  if (name === "before-2010") return 0;
  const match = /^(2\d\d\d)-(0[1-9]|1[0-2])$/.exec(name);
  const month = match === null ? 0 : Number(match[1]) * 100 + Number(match[2]);
  return month >= 201_001 ? month : undefined;
}

/** The name of a partition of `events`, `steps` and `steps_sample`. */
export function partitionId(retentionClass: number, month: number): string {
  return `${retentionClass}-${month}`;
}

/** Months that follow each other as one range, in order of time. */
export function rangesOfMonths(months: readonly number[]): MsRange[] {
  const ranges: MsRange[] = [];
  for (const month of [...new Set(months)].sort((left, right) => left - right)) {
    const range = rangeOfMonth(month);
    const last = ranges.at(-1);
    if (last !== undefined && last.endMs === range.fromMs)
      ranges[ranges.length - 1] = { ...last, endMs: range.endMs };
    else ranges.push(range);
  }
  return ranges;
}
