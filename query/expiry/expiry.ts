// What of a project's data is gone, and whether a statement needs some of it: such a query gets a code instead of a
// number that is too small. Looked at where statements run, by the ranges that they were compiled with.
import { MillraceError } from "#schemas/errors.ts";
import type { MsRange } from "#schemas/retention/month.ts";
import { readsOf } from "../sql/parameters.ts";
import type { Statement } from "../store/run-statement.ts";

export interface Expiry {
  /** Of stored events, in order; what is restored from archives is not gone. */
  readonly rawGone: readonly MsRange[];
  /** Undefined: all counts are there. */
  readonly aggregatesFromMs: number | undefined;
}

export const nothingExpired: Expiry = { rawGone: [], aggregatesFromMs: undefined };

/** True when stored events of the range were removed. */
export function isGone(range: MsRange, { rawGone }: Expiry): boolean {
  return rawGone.some(({ fromMs, endMs }) => fromMs < range.endMs && range.fromMs < endMs);
}

/** Throws RAW_DATA_EXPIRED or DATA_EXPIRED. */
export function checkReads(statements: readonly Statement[], expiry: Expiry): void {
  const { rawGone, aggregatesFromMs } = expiry;
  if (rawGone.length === 0 && aggregatesFromMs === undefined) return;
  for (const { parameters } of statements) {
    for (const { isRaw, fromMs, endMs } of readsOf(parameters)) {
      if (aggregatesFromMs !== undefined && fromMs < aggregatesFromMs) throw countsExpired(aggregatesFromMs);
      if (isRaw) checkRaw({ fromMs, endMs }, rawGone);
    }
  }
}

function checkRaw(range: MsRange, rawGone: readonly MsRange[]): void {
  const gone = rawGone.filter(({ fromMs, endMs }) => fromMs < range.endMs && range.fromMs < endMs);
  const last = gone.at(-1);
  if (last === undefined) return;
  const until = new Date(last.endMs).toISOString();
  throw new MillraceError("RAW_DATA_EXPIRED", {
    message: `The query needs single events from before ${until}, which were removed after the project's time of retention; counts and numbers of users by hour, day or longer are still answered, and archives can be restored.`,
    details: gone.map(({ fromMs, endMs }) => ({
      gone_from: new Date(fromMs).toISOString(),
      gone_until: new Date(endMs).toISOString(),
    })),
  });
}

function countsExpired(aggregatesFromMs: number): MillraceError {
  const from = new Date(aggregatesFromMs).toISOString();
  return new MillraceError("DATA_EXPIRED", {
    message: `The query reaches back before ${from}, and counts from before were removed after the project's time of retention.`,
    details: [{ kept_from: from }],
  });
}
