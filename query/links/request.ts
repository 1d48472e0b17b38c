// The query string of a link's statistics, checked and with defaults.
import { compileCheck } from "#schemas/query/check.ts";
import { LinkStatsParameters, linkStatsLimits } from "#schemas/links/link-stats.ts";
import type { QueryRequest } from "../answer-query.ts";
import { asParameters, instantOf, readLimit } from "../parse-parameters.ts";
import type { Interval } from "../time/calendar.ts";
import { readEdges } from "../time/range.ts";

export interface StatsRequest extends QueryRequest {
  readonly code: string;
  readonly domain: string;
  readonly zone: string;
  readonly interval: Exclude<Interval, "minute">;
  /** Undefined: from the first click on. */
  readonly fromMs: number | undefined;
  /** First instant after the range; undefined: up to the last click. */
  readonly endMs: number | undefined;
  /** Values of each dimension. */
  readonly limit: number;
}

const check = compileCheck(LinkStatsParameters);
const { granuleMs, valuesDefault, valuesMax } = linkStatsLimits;

/** Throws INVALID_PARAMETER that names the wrong parameters. */
export function readStatsRequest(given: unknown): StatsRequest {
  return asParameters(() => {
    const parameters = check(given);
    const from = instantOf(parameters.from);
    const to = instantOf(parameters.to);
    const { timezone } = parameters;
    const { zone, fromMs, endMs } = readEdges({
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(timezone === undefined ? {} : { timezone }),
    });
    return {
      code: parameters.code,
      domain: parameters.domain ?? "",
      zone,
      interval: parameters.interval ?? "day",
      fromMs: fromMs === undefined ? undefined : Math.floor(fromMs / granuleMs) * granuleMs,
      endMs: endMs === undefined ? undefined : Math.ceil(endMs / granuleMs) * granuleMs,
      limit: readLimit(parameters.limit, { usual: valuesDefault, most: valuesMax }),
      cohortsUsed: [],
      explain: false,
    };
  });
}
