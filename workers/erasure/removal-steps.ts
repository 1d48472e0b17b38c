// The steps of a removal, in their order. Each may be begun again after a crash, and ends the same. First what is summed
// up is taken back, as long as the rows say what; then the rows go; then what was made of them.
import { setTimeout as sleep } from "node:timers/promises";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { rowsOfUsers, setsOfUsers } from "#schemas/erasure/tables-of-users.ts";
import type { PersonPublisher } from "../identity/publish-persons.ts";
import type { PersonArchives } from "../retention/person-archives.ts";
import type { ErasureClaim, StepResult } from "./erasure-ledger.ts";
import { mutate, type MutableStore } from "./mutate.ts";
import { forgetInRelations } from "./forget-in-relations.ts";
import { takeBackClicks } from "./take-back-clicks.ts";
import { takeBackCounts } from "./take-back-counts.ts";
import { awaitDerivers } from "./await-derivers.ts";

export interface RemovalContext extends MutableStore {
  readonly postgres: Postgres;
  readonly persons: Pick<PersonPublisher, "publish">;
  readonly archives: Pick<PersonArchives, "leaveOut">;
}

type Step = (context: RemovalContext, claim: ErasureClaim, signal: AbortSignal) => Promise<StepResult>;

const nothing: StepResult = {};
const lookMs = 50;
/** A funnel's attempts may go on for so long after its day. */
const funnelWindowDaysMax = 366;
const dayMs = 86_400_000;

const ofPerson = "project_id = {project:UInt32} AND user_number IN {numbers:Array(UInt32)}";
const inSet = "project_id = {project:UInt32} AND bitmapHasAny(users, bitmapBuild({numbers:Array(UInt32)}))";

function parametersOf(claim: ErasureClaim): Record<string, unknown> {
  return { project: claim.projectId, numbers: claim.numbers, ids: claim.ids };
}

/** Batches that began before the person was cut off may still bring rows under its numbers. */
const awaitOpenBatches: Step = async ({ postgres, persons }, claim, signal) => {
  for (;;) {
    const { rows } = await postgres.query<{ open: boolean }>(
      `SELECT EXISTS (SELECT FROM log_partitions WHERE intent_token = $1::jsonb ->> partition::text) AS open`,
      [JSON.stringify(claim.openBatches)],
    );
    if (rows[0]?.open !== true) break;
    await sleep(lookMs, undefined, { signal });
  }
  // Changes of persons that were decided before.
  await persons.publish();
  return nothing;
};

/** Rows by number; sets as often as a number is in one. */
const countsByNumber = [
  ...rowsOfUsers.map(
    (table) =>
      `SELECT '${table}' AS place, user_number AS number, count() AS found FROM ${table} WHERE ${ofPerson} GROUP BY number`,
  ),
  ...setsOfUsers.map(
    (table) =>
      `SELECT '${table}' AS place, arrayJoin(bitmapToArray(bitmapAnd(users, bitmapBuild({numbers:Array(UInt32)})))) AS number,
         count() AS found FROM ${table} WHERE ${inSet} GROUP BY number`,
  ),
].join("\nUNION ALL ");

/** For the receipts, and which days are to be made again. */
const count: Step = async ({ clickhouse }, claim, signal) => {
  const ask = async <Row>(query: string): Promise<Row[]> => {
    const result = await clickhouse.query({
      query,
      query_params: parametersOf(claim),
      use_multipart_params_auto: true,
      format: "JSONEachRow",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      abort_signal: signal,
    });
    return result.json<Row>();
  };
  const byPerson = new Map<string, Record<string, number>>();
  const owners = new Map<number, Record<string, number>>();
  for (const { id, numbers } of claim.people) {
    const found = Object.fromEntries([...rowsOfUsers, ...setsOfUsers].map((table) => [table, 0]));
    byPerson.set(id, found);
    for (const number of numbers) owners.set(number, found);
  }
  const hasNumbers = claim.numbers.length > 0;
  const counted = hasNumbers
    ? await ask<{ place: string; number: number; found: number }>(countsByNumber)
    : [];
  for (const { place, number, found } of counted) {
    const person = owners.get(number);
    if (person !== undefined) person[place] = (person[place] ?? 0) + found;
  }
  const [days] = hasNumbers
    ? await ask<{ days: number[] }>(
        `SELECT groupUniqArray(toInt32(intDiv(toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), 86400000), 86400000))) AS days FROM steps WHERE ${ofPerson}`,
      )
    : [];
  const [outcomes] = await ask<{ event_outcomes: number }>(
    `SELECT count() AS event_outcomes FROM event_outcomes WHERE ${outcomesOfPerson}`,
  );
  return { removed: { event_outcomes: outcomes?.event_outcomes ?? 0 }, byPerson, days: days?.days ?? [] };
};

const takeBack: Step = async (context, claim, signal) => {
  await takeBackCounts(context, claim, claim.id, signal);
  await takeBackClicks(context, claim, claim.id, signal);
  return nothing;
};

/** Sets are not added up but joined, so the person is taken out of each stored one; those that come have it not. */
const leaveSets: Step = async (context, claim, signal) => {
  const change = `UPDATE users = bitmapAndnot(users, bitmapBuild({numbers:Array(UInt32)})) WHERE ${inSet}`;
  const changes = setsOfUsers.map((table) => ({ table, change }));
  await mutate(context, changes, parametersOf(claim), signal);
  return nothing;
};

/** Repeats are known by the event's id only, so they go while the events are there. */
const outcomesOfPerson = `project_id = {project:UInt32} AND (
  event_id GLOBAL IN (SELECT event_id FROM events WHERE ${ofPerson})
  OR (payload != '' AND (JSONExtractString(payload, 'user_id') IN {ids:Array(String)}
    OR JSONExtractString(payload, 'anonymous_id') IN {ids:Array(String)})))`;

const removeOutcomes: Step = async (context, claim, signal) => {
  const parameters = parametersOf(claim);
  const result = await context.clickhouse.query({
    query: `SELECT DISTINCT event_id FROM event_outcomes WHERE ${outcomesOfPerson}`,
    query_params: parameters,
    use_multipart_params_auto: true,
    format: "JSONCompactEachRow",
    abort_signal: signal,
  });
  const events = (await result.json<[string]>()).map(([id]) => id);
  if (events.length === 0) return nothing;
  const change = "DELETE WHERE project_id = {project:UInt32} AND event_id IN {events:Array(String)}";
  const kept = ["event_outcomes", "quarantine_closed", "quarantined", "quarantine_state"];
  const changes = kept.map((table) => ({ table, change }));
  await mutate(context, changes, { ...parameters, events }, signal);
  return nothing;
};

const removeRows: Step = async (context, claim, signal) => {
  // Batches are compared with the store by their row counts: those of the removed rows would seem lost.
  await context.postgres.query("DELETE FROM log_batches");
  const changes = rowsOfUsers.map((table) => ({ table, change: `DELETE WHERE ${ofPerson}` }));
  await mutate(context, changes, parametersOf(claim), signal);
  return nothing;
};

/**
 * Before the rows go, so that nothing is restored with them afterwards; and after, because an archive may have been
 * written of rows that were still there.
 */
const leaveArchives: Step = async ({ archives }, claim, signal) => {
  const rows = await archives.leaveOut(claim.projectId, claim.numbers, signal);
  return rows === 0 ? nothing : { removed: { archived_events: rows } };
};

/** What is made of rows ahead of questions. Whoever began to make it before the rows were gone is waited for. */
const removeDerived: Step = async (context, claim, signal) => {
  await awaitDerivers(context.postgres, claim.projectId, signal);
  const { days } = claim;
  if (days.length > 0) {
    const firstMs = Math.min(...days) * dayMs - funnelWindowDaysMax * dayMs;
    const lastMs = (Math.max(...days) + 1) * dayMs;
    const ofDays = "DELETE WHERE project_id = {project:UInt32} AND day IN {days:Array(Int32)}";
    const ofFunnels =
      "DELETE WHERE project_id = {project:UInt32} AND end_ms > {first:Int64} AND start_ms < {last:Int64}";
    await mutate(
      context,
      [
        // First what says which of the others count.
        { table: "partial_state", change: ofDays },
        { table: "partial_hour", change: ofDays },
        { table: "partial_day", change: ofDays },
        { table: "funnel_days", change: ofFunnels },
      ],
      { project: claim.projectId, days, first: firstMs, last: lastMs },
      signal,
    );
  }
  // Once more: a refresh that read the rows before they were gone has ended now.
  const change = `UPDATE users = bitmapAndnot(users, bitmapBuild({numbers:Array(UInt32)})) WHERE ${inSet}`;
  await mutate(context, [{ table: "cohort_members", change }], parametersOf(claim), signal);
  return nothing;
};

const removeRelations: Step = async ({ postgres }, claim) => ({
  removed: await forgetInRelations(postgres, claim, claim.ids),
});

/** Of somebody who never had a number there is nothing to remove by number; the store refuses to look for no number. */
function byNumber(step: Step): Step {
  return async (context, claim, signal) =>
    claim.numbers.length === 0 ? nothing : step(context, claim, signal);
}

export const removalSteps: readonly Step[] = [
  awaitOpenBatches,
  count,
  byNumber(takeBack),
  byNumber(leaveSets),
  removeOutcomes,
  byNumber(leaveArchives),
  byNumber(removeRows),
  byNumber(leaveArchives),
  byNumber(removeDerived),
  removeRelations,
];
