// A question is answered with what is kept for it, and what it lacked is noted: what is asked often and costs much is
// kept from then on without anybody having asked for it.
import { daysOf, sumOf } from "../day-counts/count-days.ts";
import { planSlices } from "../events/plan-slices.ts";
import type { QueryContext } from "../query-context.ts";
import type { QueryRun } from "../store/query-run.ts";
import { instantMsMin } from "../time/instants.ts";
import type { Wanted } from "./find-cover.ts";
import { dayMs } from "./kept-days.ts";
import { loadPartials, type Partials } from "./load-partials.ts";

export interface AskedEvents {
  readonly wanted: readonly Wanted[];
  /** All that the question looks at. */
  readonly fromMs: number;
  readonly endMs: number;
  /** Starts of its buckets, ascending. */
  readonly boundsMs: readonly number[];
}

export async function answerWithPartials<T>(
  run: QueryRun,
  context: Pick<QueryContext, "postgres" | "keptStates" | "demand">,
  asked: AskedEvents,
  answer: (partials: Partials) => Promise<T>,
): Promise<T> {
  const { demand } = context;
  const partials = await loadPartials(run, context, asked.wanted, asked);
  const { missing, learned: used } = partials;
  const before = run.rowsRead;
  const answered = await answer(partials);
  if (demand === undefined || missing.length + used.length === 0) return answered;
  const lacked = wouldHelp(asked) ? missing : [];
  // Where sets of people were read as a stream, nobody said how many rows that took.
  const rows = lacked.length === 0 ? 0 : run.rowsRead - before || (await countRows(run, lacked, asked));
  demand.note(run.projectId, { missing: lacked, used, rows });
  return answered;
}

/** True when days that are over can be answered by the day or the hour. */
function wouldHelp({ fromMs, endMs, boundsMs }: AskedEvents): boolean {
  const closed = {
    fromMs: Math.max(fromMs, instantMsMin),
    endMs: Math.min(endMs, Math.floor(Date.now() / dayMs) * dayMs),
  };
  if (closed.fromMs >= closed.endMs) return false;
  return planSlices(closed, boundsMs, ["partial_day", "partial_hour"]).some(({ table }) => table !== "steps");
}

async function countRows(
  run: QueryRun,
  missing: readonly Wanted[],
  range: { readonly fromMs: number; readonly endMs: number },
): Promise<number> {
  const names = [...new Set(missing.map(({ event }) => event))];
  const events = names.includes(null) ? [null] : names;
  return sumOf(await run.dayCounts({ events, ...daysOf(range) }));
}
