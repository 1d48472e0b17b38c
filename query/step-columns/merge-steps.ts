// Adds rows to a list whose users and instants are in order already: one pass along both, much less than building it
// anew. Pure.
import { makeStepList, sortInstants, tickMs, ticksOfDay, type StepList } from "./step-list.ts";

export interface Merge {
  /** May begin on another day. */
  readonly held: StepList;
  /** Begins at `baseMs`. */
  readonly added: StepList;
  readonly baseMs: number;
  /** Days of the new list, from `baseMs`. */
  readonly days: number;
  /** Those whose rows in `held` are left out, because they are in `added`. */
  readonly replaced: readonly number[];
}

const nobody = 2 ** 32;

export function mergeSteps(merge: Merge): StepList {
  const { held, added, baseMs, days } = merge;
  const isReplaced = new Uint8Array(days);
  for (const day of merge.replaced) isReplaced[day] = 1;
  const kept = withoutDays(held, baseMs, isReplaced);
  if (kept.users.length === 0) return added;
  const list = makeStepList(
    countUnion(kept.users, added.users),
    kept.ticks.length + added.ticks.length,
    baseMs,
  );
  const { users, starts } = list;
  let to = 0;
  let keptAt = 0;
  let addedAt = 0;
  for (let index = 0; index < users.length; index += 1) {
    const keptUser = keptAt < kept.users.length ? (kept.users[keptAt] as number) : nobody;
    const addedUser = addedAt < added.users.length ? (added.users[addedAt] as number) : nobody;
    users[index] = keptUser < addedUser ? keptUser : addedUser;
    starts[index] = to;
    if (keptUser <= addedUser) {
      to = copyRows(kept, keptAt, list, to);
      keptAt += 1;
    }
    if (addedUser <= keptUser) {
      to = copyRows(added, addedAt, list, to);
      addedAt += 1;
    }
  }
  starts[users.length] = to;
  sortInstants(list);
  return list;
}

/** Both count from the same instant. */
function copyRows(from: StepList, index: number, list: StepList, to: number): number {
  const { ticks, rests } = list;
  const { ticks: fromTicks, rests: fromRests } = from;
  const end = from.starts[index + 1] as number;
  let next = to;
  for (let at = from.starts[index] as number; at < end; at += 1) {
    ticks[next] = fromTicks[at] as number;
    rests[next] = fromRests[at] as number;
    next += 1;
  }
  return next;
}

/** Counted from another instant, without the rows of some days, and without users who have no other. */
function withoutDays(list: StepList, baseMs: number, isReplaced: Uint8Array): StepList {
  const { users, starts, ticks, rests } = list;
  const shift = (list.baseMs - baseMs) / tickMs;
  if (shift === 0 && !isReplaced.includes(1)) return list;
  const kept = {
    users: new Uint32Array(users.length),
    starts: new Uint32Array(users.length + 1),
    ticks: new Int32Array(ticks.length),
    rests: new Uint8Array(rests.length),
  };
  let to = 0;
  let index = 0;
  for (let from = 0; from < users.length; from += 1) {
    const end = starts[from + 1] as number;
    const begin = to;
    for (let at = starts[from] as number; at < end; at += 1) {
      const tick = (ticks[at] as number) + shift;
      if (isReplaced[dayOf(tick)] === 1) continue;
      kept.ticks[to] = tick;
      kept.rests[to] = rests[at] as number;
      to += 1;
    }
    if (to === begin) continue;
    kept.users[index] = users[from] as number;
    kept.starts[index] = begin;
    index += 1;
  }
  kept.starts[index] = to;
  return {
    users: kept.users.subarray(0, index),
    starts: kept.starts.subarray(0, index + 1),
    ticks: kept.ticks.subarray(0, to),
    rests: kept.rests.subarray(0, to),
    baseMs,
  };
}

/** Half a tick later no tick lies on a day's edge, where a product could round to the day before. */
function dayOf(tick: number): number {
  return ((tick + 0.5) * (1 / ticksOfDay)) | 0;
}

function countUnion(left: Uint32Array, right: Uint32Array): number {
  let shared = 0;
  let at = 0;
  for (let index = 0; index < right.length; index += 1) {
    const user = right[index] as number;
    while (at < left.length && (left[at] as number) < user) at += 1;
    if (at < left.length && left[at] === user) shared += 1;
  }
  return left.length + right.length - shared;
}

/** Rows of each of so many days. */
export function countDays({ ticks }: StepList, days: number): Uint32Array {
  const counts = new Uint32Array(days);
  for (let at = 0; at < ticks.length; at += 1) {
    const day = dayOf(ticks[at] as number);
    counts[day] = (counts[day] as number) + 1;
  }
  return counts;
}
