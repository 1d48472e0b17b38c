// svc.query.link_stats: the statistics of one link of the caller's project.
import { MillraceError } from "#schemas/errors.ts";
import { linkStatsLimits, type LinkDimension, type LinkStats } from "#schemas/links/link-stats.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import { callService } from "#streams/call-service.ts";
import type { Call } from "#streams/services.ts";
import { answerQuery } from "../answer-query.ts";
import { bucketIndexes } from "../sql/bucket-numbers.ts";
import { parseBody } from "../parse-body.ts";
import { asParameters } from "../parse-parameters.ts";
import type { QueryContext } from "../query-context.ts";
import type { QueryRun } from "../store/query-run.ts";
import { startOfDayBefore } from "../time/instants.ts";
import { readBuckets } from "../time/read-buckets.ts";
import { compileExtent, compileValues, compileVisitors, type StatsRange } from "./compile.ts";
import { readStatsRequest, type StatsRequest } from "./request.ts";

const resolveMsMax = 5_000;
const dayMs = 86_400_000;
const { bucketsMax, granuleMs } = linkStatsLimits;

type Answer = Omit<LinkStats, "meta">;

export function linkStats(context: QueryContext, payload: Uint8Array, call: Call): Promise<object> {
  const answer = async (request: StatsRequest, run: QueryRun): Promise<Answer> => {
    const link = await findLink(context, request, call);
    return answerStats(request, link, run, Date.now());
  };
  return answerQuery({ read: readStatsRequest, answer }, context, parseBody(payload), call);
}

/** Throws LINK_NOT_FOUND, for links of others as well. */
async function findLink(
  { connection }: QueryContext,
  { domain, code }: StatsRequest,
  call: Call,
): Promise<ResolvedLink> {
  const link = (await callService(
    connection,
    "svc.links.resolve",
    { domain, code },
    { requestId: call.requestId, projectId: call.projectId, timeoutMs: resolveMsMax, signal: call.signal },
  )) as ResolvedLink | null;
  if (link === null || link.projectId !== call.projectId) throw new MillraceError("LINK_NOT_FOUND");
  return link;
}

export async function answerStats(
  request: StatsRequest,
  link: { readonly publicId: string; readonly code: string; readonly domain: string },
  run: QueryRun,
  nowMs: number,
): Promise<Answer> {
  const range = await readStatsRange(request, link.publicId, run, nowMs);
  const { buckets } = range;
  const plan = { interval: request.interval, fromMs: range.fromMs, endMs: range.endMs };
  const [visitorRows, valueRows] = await Promise.all([
    run.rows(
      { step: "visitors", sources: ["link_clicks_day", "link_clicks_quarter"], plan },
      compileVisitors(link.publicId, range),
    ),
    run.rows(
      { step: "values", sources: ["link_values_day", "link_values_quarter"], plan },
      compileValues(link.publicId, range, request.limit),
    ),
  ]);
  const indexOf = bucketIndexes(buckets);
  const column = (): number[] => buckets.startsMs.map(() => 0);
  const series = { clicks: column(), unique_visitors: column(), bots: column(), previews: column() };
  const put = (into: number[], bucket: number, count: number): void => {
    const index = indexOf(bucket);
    if (index !== undefined) into[index] = count;
  };
  const totals = { unique_visitors: 0, bots: 0, previews: 0, last_clicked_at: null as string | null };
  for (const [bucket, bots, previews, visitors, lastMs] of visitorRows) {
    if (bucket === null) {
      Object.assign(totals, { unique_visitors: visitors, bots, previews });
      totals.last_clicked_at = lastMs === null ? null : new Date(Number(lastMs)).toISOString();
      continue;
    }
    put(series.unique_visitors, bucket as number, visitors as number);
    put(series.bots, bucket as number, bots as number);
    put(series.previews, bucket as number, previews as number);
  }
  const values = new Map<string, { value: string | null; clicks: number }[]>();
  for (const [dimension, value, bucket, clicks] of valueRows) {
    if (bucket !== null) {
      put(series.clicks, bucket as number, clicks as number);
      continue;
    }
    const known = values.get(dimension as string) ?? [];
    values.set(dimension as string, known);
    known.push({ value: value === "" ? null : (value as string), clicks: clicks as number });
  }
  const clicks = series.clicks.reduce((sum, count) => sum + count, 0);
  const dimension = (name: string): LinkDimension => {
    const own = values.get(name) ?? [];
    return { values: own, other: clicks - own.reduce((sum, each) => sum + each.clicks, 0) };
  };
  const cities = dimension("city");
  return {
    link: { id: link.publicId, code: link.code, domain: link.domain },
    from: new Date(range.fromMs).toISOString(),
    to: new Date(range.endMs).toISOString(),
    interval: request.interval,
    timezone: request.zone,
    clicks,
    ...totals,
    series: { buckets: buckets.startsMs.map((ms) => new Date(ms).toISOString()), ...series },
    countries: dimension("country"),
    cities: {
      values: cities.values.map(({ value, clicks: count }) => ({ ...splitCity(value), clicks: count })),
      other: cities.other,
    },
    devices: dimension("device"),
    browsers: dimension("browser"),
    os: dimension("os"),
    referrers: dimension("referrer"),
    languages: dimension("language"),
    utm: {
      source: dimension("utm_source"),
      medium: dimension("utm_medium"),
      campaign: dimension("utm_campaign"),
    },
  };
}

/** Without edges: every click there is, in whole days; of what was removed only an edge that is asked for tells. */
async function readStatsRange(
  request: StatsRequest,
  linkId: string,
  run: QueryRun,
  nowMs: number,
): Promise<StatsRange> {
  let { fromMs, endMs } = request;
  if (fromMs === undefined || endMs === undefined) {
    const [extent] = await run.rows({ step: "extent", sources: ["link_clicks_day"] }, compileExtent(linkId));
    const [firstSeconds, lastSeconds] = extent ?? [null, null];
    const endOfClicksMs = lastSeconds === null ? 0 : Number(lastSeconds) * 1000 + dayMs;
    endMs ??= Math.max(
      Math.ceil((nowMs + 1) / granuleMs) * granuleMs,
      endOfClicksMs,
      (fromMs ?? 0) + granuleMs,
    );
    const firstMs = firstSeconds === null ? nowMs : Number(firstSeconds) * 1000;
    if (fromMs === undefined) {
      fromMs = startOfDayBefore(Math.min(firstMs, endMs - 1), request.zone, 0);
      // The first day that is kept may begin in a zone's evening of the day before.
      const keptMs = run.expiry.aggregatesFromMs ?? fromMs;
      if (keptMs < endMs) fromMs = Math.max(fromMs, keptMs);
    }
  }
  const { zone, interval } = request;
  const range = { fromMs, endMs, zone, interval, weekStart: "monday" as const };
  return { fromMs, endMs, buckets: asParameters(() => readBuckets(range, bucketsMax)) };
}

/** Cities are kept as `FR/Paris`; the country's part holds no slash. */
function splitCity(kept: string | null): { value: string | null; country: string | null } {
  if (kept === null) return { value: null, country: null };
  const slash = kept.indexOf("/");
  return { value: kept.slice(slash + 1), country: slash < 1 ? null : kept.slice(0, slash) };
}
