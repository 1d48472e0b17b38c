// Which rows are too old, by the projects' policies: pure.
import { rangeOfMonth } from "#schemas/retention/month.ts";
import type { PlaceName } from "./archive-place.ts";

const dayMs = 86_400_000;

export interface ProjectPolicy {
  readonly projectId: number;
  /** Undefined: for ever. */
  readonly rawDays: number | undefined;
  readonly aggregateDays: number | undefined;
  readonly archive: PlaceName | undefined;
  /** Months that are back from the archives, or are to come back: nothing of them goes meanwhile. */
  readonly restoring: ReadonlySet<number>;
}

/** The projects whose events of the month are too old. A month goes as a whole, so many days after its end. */
export function projectsExpired(
  month: number,
  policies: readonly ProjectPolicy[],
  nowMs: number,
): ProjectPolicy[] {
  const { endMs } = rangeOfMonth(month);
  return policies.filter(
    ({ rawDays, restoring }) =>
      rawDays !== undefined && endMs + rawDays * dayMs <= nowMs && !restoring.has(month),
  );
}

/** First instant whose counts are kept: the beginning of a month. */
export function aggregatesFromMs(aggregateDays: number, nowMs: number): number {
  const date = new Date(nowMs - aggregateDays * dayMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}
