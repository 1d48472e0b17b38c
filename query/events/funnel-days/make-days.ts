// svc.query.funnel_days: the next days of a definition that are missing, or whose data has changed, as rows of
// `funnel_days`. The workers ask for them and store them. Days whose attempts have not all ended are made while it is
// quiet: every event would make them old again.
import type { FunnelDaysRequest } from "#schemas/insights/funnel-days.ts";
import type { Call, StreamSink } from "#streams/services.ts";
import { parseBody } from "../../parse-body.ts";
import { loadPeople } from "../../people/people.ts";
import { isGone } from "../../expiry/expiry.ts";
import type { QueryContext } from "../../query-context.ts";
import { QueryRun } from "../../store/query-run.ts";
import type { TaskPool } from "../../task-pool.ts";
import { buildBuckets } from "../../time/buckets.ts";
import { startOfDayBefore } from "../../time/instants.ts";
import { readFunnelRequest, type FunnelRequest } from "../funnel/request.ts";
import { readChangedPersons, readPersonsVersion } from "./changed-persons.ts";
import { dayMs, readRollupCounts, readRowCounts, type DayCounts } from "./data-versions.ts";
import { encodeDay } from "./encode-day.ts";
import { readKeptDays, type KeptDay } from "./kept-days.ts";
import { isCurrent } from "./plan-days.ts";
import { readAttempts } from "./read-attempts.ts";

/** Days are made together, since each reads a window more; their rows lie in memory. */
const rowsOfCallMax = 16_000_000;
/** One day alone may need more; beyond this it is not kept. */
const rowsOfDayMax = 64_000_000;
/** Days are made again when so many persons were joined since: each query computes those from rows. */
const changedPersonsMax = 1_000;

type Day = Pick<KeptDay, "startMs" | "endMs">;

export async function makeFunnelDays(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
  sink: StreamSink,
): Promise<void> {
  const asked = parseBody(payload) as FunnelDaysRequest;
  const nowMs = Date.now();
  const { projectId, signal } = call;
  const [people, { expiry }] = await Promise.all([
    loadPeople(context.postgres, projectId, []),
    context.answers.stateOf(projectId),
  ]);
  const run = new QueryRun({ store: context.store, projectId, signal, people, expiry });
  const range = {
    from: startOfDayBefore(nowMs, asked.zone, asked.days - 1),
    to: nowMs,
    timezone: asked.zone,
  };
  const request = readFunnelRequest({ ...asked.query, ...range }, nowMs);
  // What is gone cannot be made again; days that were kept before stay.
  const days = endedDays(request, asked.zone, nowMs).filter(
    ({ startMs, endMs }) => !isGone({ fromMs: startMs, endMs: endMs + request.windowMs + 1 }, expiry),
  );
  const closed = closedDays(days, request.windowMs, nowMs);
  const openEvents = await countOpenEvents(run, request, days[closed.length]);
  const made = await makeDays(run, context.pool, request, {
    definitionId: asked.definition_id,
    generation: asked.generation,
    personsVersion: await readPersonsVersion(run, context.postgres),
    days: openEvents === asked.open_events ? days : closed,
  });
  sink.start({
    status: 200,
    headers: { days: String(made.days.length), more: String(made.more), "open-events": String(openEvents) },
  });
  for (const day of made.days) await sink.write(day);
}

/** Local days that have ended. */
export function endedDays({ fromMs }: FunnelRequest, zone: string, nowMs: number): Day[] {
  const bounds = { fromMs, endMs: nowMs, zone, interval: "day", weekStart: "monday" } as const;
  const { startsMs, endMs } = buildBuckets(bounds, Infinity) ?? { startsMs: [], endMs: 0 };
  return startsMs
    .map((startMs, index) => ({ startMs, endMs: startsMs[index + 1] ?? endMs }))
    .filter((day) => day.endMs <= nowMs);
}

/** Those whose attempts have all ended: nothing but late events can change them. */
export function closedDays(days: readonly Day[], windowMs: number, nowMs: number): readonly Day[] {
  return days.filter((day) => Math.ceil((day.endMs + windowMs) / dayMs) * dayMs <= nowMs);
}

/** Events that the attempts of days that are not closed may look at. */
async function countOpenEvents(
  run: QueryRun,
  request: FunnelRequest,
  first: Day | undefined,
): Promise<number> {
  if (first === undefined) return 0;
  // Times may lie a day ahead of now.
  const range = { fromMs: first.startMs, endMs: request.endMs + 2 * dayMs };
  return (await readRollupCounts(run, request, range)).between(range.fromMs, range.endMs);
}

/** As rows of `funnel_days`; of `asked.days`, which are in order, those that are missing or of older data. */
export async function makeDays(
  run: QueryRun,
  pool: TaskPool,
  request: FunnelRequest,
  asked: {
    readonly definitionId: number;
    readonly generation: number;
    /** Joins up to this version were stored before. */
    readonly personsVersion: number;
    readonly days: readonly Day[];
  },
): Promise<{ days: Uint8Array[]; more: boolean }> {
  const { windowMs } = request;
  const { definitionId, generation, personsVersion, days } = asked;
  if (days.length === 0) return { days: [], more: false };
  const reach = (from: Day, to: Day) => ({ fromMs: from.startMs, endMs: to.endMs + windowMs });
  const whole = reach(days[0] as Day, days.at(-1) as Day);
  const [counts, kept] = await Promise.all([
    readRollupCounts(run, request, whole),
    readKeptDays(run, definitionId, whole),
  ]);
  const isStale = await joinsMatter(run, kept, personsVersion);
  const byStart = new Map(kept.map((day) => [day.startMs, day]));
  const missing = days.filter((day) => {
    const known = byStart.get(day.startMs);
    if (rowsOf(counts, day, windowMs) > rowsOfDayMax) return false;
    return known === undefined || !isCurrent(known, windowMs, counts) || isStale(known);
  });
  const chunk = latest(missing, (from, to) => counts.between(from.startMs, to.endMs + windowMs));
  const [first, last] = [chunk[0], chunk.at(-1)];
  if (first === undefined || last === undefined) return { days: [], more: false };

  // The rows that are read must be those that the counts tell of. Tables grow one after another while a batch is
  // stored, and never shrink: what is the same before and after in both is what was read.
  const span = reach(first, last);
  const read = () =>
    Promise.all([readRollupCounts(run, request, span), readRowCounts(run, request, span)] as const);
  const before = await read();
  const startsMs = [...new Set(chunk.flatMap((day) => [day.startMs, day.endMs]))]
    .filter((bound) => bound < last.endMs)
    .sort((left, right) => left - right);
  const attempts = await readAttempts(request, run, pool, {
    startsMs,
    endMs: last.endMs,
    rowsExpected: counts.between(span.fromMs, span.endMs),
  });
  const after = await read();
  const encoded = chunk.flatMap((day) => {
    const [events, ...others] = [...before, ...after].map((each) => rowsOf(each, day, windowMs));
    if (events === undefined || others.some((other) => other !== events)) return [];
    const bucket = attempts[startsMs.indexOf(day.startMs)];
    if (bucket === undefined) return [];
    const head = { projectId: run.projectId, definitionId, generation, ...day, events, personsVersion };
    return [encodeDay(head, bucket)];
  });
  return { days: encoded, more: encoded.length > 0 && chunk.length < missing.length };
}

function rowsOf(counts: DayCounts, day: Day, windowMs: number): number {
  return counts.between(day.startMs, day.endMs + windowMs);
}

/** The latest of them that can be made together. */
function latest(missing: readonly Day[], rowsBetween: (from: Day, to: Day) => number): readonly Day[] {
  const last = missing.at(-1);
  if (last === undefined) return [];
  let first = missing.length - 1;
  while (first > 0 && rowsBetween(missing[first - 1] as Day, last) <= rowsOfCallMax) first -= 1;
  return missing.slice(first);
}

/** Tells which days were made before so many joins that they are to be made again. */
async function joinsMatter(
  run: QueryRun,
  kept: readonly KeptDay[],
  personsVersion: number,
): Promise<(day: KeptDay) => boolean> {
  const madeAt = Math.min(...kept.map((day) => day.personsVersion));
  if (kept.length === 0 || madeAt >= personsVersion) return () => false;
  const changed = await readChangedPersons(run, madeAt);
  const many = changed === undefined || changed.persons.length > changedPersonsMax;
  return (day) => many && day.personsVersion < personsVersion;
}
