// Who did one event when, in memory that all threads share: the users in order, and of each the instants in order.
// 8 bytes a row and 8 a user. Pure.

export const dayMs = 86_400_000;

export interface StepList {
  /** Distinct user numbers, ascending. */
  readonly users: Uint32Array;
  /** Where the instants of each user begin; one more than there are users. */
  readonly starts: Uint32Array;
  /** Epoch milliseconds. */
  readonly times: Float64Array;
}

export interface Rows {
  readonly users: Uint32Array;
  readonly times: Float64Array;
}

export const noSteps: StepList = {
  users: new Uint32Array(0),
  starts: new Uint32Array(1),
  times: new Float64Array(0),
};

export function stepListBytes({ users, starts, times }: StepList): number {
  return users.byteLength + starts.byteLength + times.byteLength;
}

/** Numbers are counted one by one where they are dense: at least one row for so many numbers. */
const sparsityMax = 16;
/** Digits by which other numbers are sorted. */
const digitBits = 11;
const digits = 1 << digitBits;
/** Runs up to this are put into order by inserting, which is nearly no work where they are in order. */
const insertMax = 32;

/** Rows in any order. */
export function buildStepList(rows: Rows): StepList {
  const { users } = rows;
  let highest = 0;
  for (let at = 0; at < users.length; at += 1) highest = Math.max(highest, users[at] as number);
  const list = highest <= sparsityMax * users.length ? buildDense(rows, highest) : buildSparse(rows);
  sortInstants(list);
  return list;
}

function sharedInts(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(4 * length));
}

function sharedFloats(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * length));
}

/** Counts the rows of every number there may be: the store's rows come nearly in order, so each pass runs along. */
function buildDense({ users, times }: Rows, highest: number): StepList {
  const places = new Uint32Array(highest + 2);
  for (let at = 0; at < users.length; at += 1) {
    const next = (users[at] as number) + 1;
    places[next] = (places[next] as number) + 1;
  }
  let distinct = 0;
  for (let next = 1; next < places.length; next += 1) if (places[next] !== 0) distinct += 1;
  const list = {
    users: sharedInts(distinct),
    starts: sharedInts(distinct + 1),
    times: sharedFloats(times.length),
  };
  let place = 0;
  let index = 0;
  for (let user = 0; user <= highest; user += 1) {
    const count = places[user + 1] as number;
    // Now: where the user's next row goes.
    places[user + 1] = place;
    if (count === 0) continue;
    list.users[index] = user;
    list.starts[index] = place;
    index += 1;
    place += count;
  }
  list.starts[distinct] = place;
  for (let at = 0; at < users.length; at += 1) {
    const next = (users[at] as number) + 1;
    const to = places[next] as number;
    places[next] = to + 1;
    list.times[to] = times[at] as number;
  }
  return list;
}

/** By digits of the number, the lowest first. */
function buildSparse(rows: Rows): StepList {
  const { length } = rows.users;
  let from = { users: rows.users.slice(), times: rows.times.slice() };
  let to = { users: new Uint32Array(length), times: new Float64Array(length) };
  for (let shift = 0; shift < 32; shift += digitBits) {
    const places = new Uint32Array(digits + 1);
    for (const user of from.users) {
      const next = ((user >>> shift) & (digits - 1)) + 1;
      places[next] = (places[next] as number) + 1;
    }
    for (let digit = 1; digit <= digits; digit += 1) {
      places[digit] = (places[digit] as number) + (places[digit - 1] as number);
    }
    for (let at = 0; at < length; at += 1) {
      const user = from.users[at] as number;
      const digit = (user >>> shift) & (digits - 1);
      const place = places[digit] as number;
      places[digit] = place + 1;
      to.users[place] = user;
      to.times[place] = from.times[at] as number;
    }
    [from, to] = [to, from];
  }
  const times = sharedFloats(length);
  times.set(from.times);
  const distinct = from.users.reduce((count, user, at) => count + (user === from.users[at - 1] ? 0 : 1), 0);
  const list = { users: sharedInts(distinct), starts: sharedInts(distinct + 1), times };
  let index = 0;
  from.users.forEach((user, at) => {
    if (at > 0 && user === from.users[at - 1]) return;
    list.users[index] = user;
    list.starts[index] = at;
    index += 1;
  });
  list.starts[distinct] = length;
  return list;
}

function sortInstants({ starts, times }: StepList): void {
  for (let index = 0; index + 1 < starts.length; index += 1) {
    const begin = starts[index] as number;
    const end = starts[index + 1] as number;
    let isSorted = true;
    for (let at = begin + 1; at < end; at += 1) {
      if ((times[at] as number) < (times[at - 1] as number)) isSorted = false;
    }
    if (isSorted) continue;
    if (end - begin > insertMax) {
      times.subarray(begin, end).sort();
      continue;
    }
    for (let at = begin + 1; at < end; at += 1) {
      const time = times[at] as number;
      let place = at;
      for (; place > begin && (times[place - 1] as number) > time; place -= 1) {
        times[place] = times[place - 1] as number;
      }
      times[place] = time;
    }
  }
}

/** Rows of each day from `fromMs` on, which is a midnight. */
export function countDays(times: Float64Array, fromMs: number, days: number): Uint32Array {
  const counts = new Uint32Array(days);
  // Half a millisecond later no instant lies on a day's edge, where a product could round to the day before.
  const originMs = fromMs - 0.5;
  for (let at = 0; at < times.length; at += 1) {
    const day = (((times[at] as number) - originMs) * (1 / dayMs)) | 0;
    counts[day] = (counts[day] as number) + 1;
  }
  return counts;
}

/** The rows of all days but those that `isLeftOut` says by their number from `fromMs` on. */
export function rowsWithout(list: StepList, fromMs: number, isLeftOut: (day: number) => boolean): Rows {
  const users = new Uint32Array(list.times.length);
  const times = new Float64Array(list.times.length);
  let rows = 0;
  list.users.forEach((user, index) => {
    const end = list.starts[index + 1] as number;
    for (let at = list.starts[index] as number; at < end; at += 1) {
      const time = list.times[at] as number;
      if (isLeftOut(Math.floor((time - fromMs) / dayMs))) continue;
      users[rows] = user;
      times[rows] = time;
      rows += 1;
    }
  });
  return { users: users.subarray(0, rows), times: times.subarray(0, rows) };
}

/** The first place with this number or a higher one. */
export function lowerBound(numbers: Uint32Array, least: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
