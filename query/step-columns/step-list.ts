// Who did one event when, in memory that all threads share: the users in order, and of each the instants in order.
// 5 bytes a row and 8 a user. Pure.

export const dayMs = 86_400_000;

export interface StepList {
  /** Distinct user numbers, ascending. */
  readonly users: Uint32Array;
  /** Where the instants of each user begin; one more than there are users. */
  readonly starts: Uint32Array;
  /** Each instant in ticks of 256 ms after `baseMs`, which nearly always suffices to compare two of them, … */
  readonly ticks: Int32Array;
  /** … and the milliseconds after its tick. */
  readonly rests: Uint8Array;
  /** A midnight, at or before the first instant. */
  readonly baseMs: number;
}

/** In any order. */
export interface Rows {
  readonly users: Uint32Array;
  /** Milliseconds after `baseMs`. */
  readonly ats: Uint32Array;
  readonly baseMs: number;
}

export const tickMs = 256;
/** A day is a whole number of ticks, so lists that begin on different days share the edges of their ticks. */
export const ticksOfDay = dayMs / tickMs;
/** Days of one list: 17 years. */
export const listDaysMax = Math.floor(2 ** 31 / ticksOfDay);

export const bytesOfRow = 5;
export const bytesOfUser = 8;

/** Rows that there is room for behind the last one. */
export const rowsPadding = 4;

export const noSteps: StepList = makeStepList(0, 0, 0);

export function makeStepList(users: number, rows: number, baseMs: number): StepList {
  return {
    users: new Uint32Array(new SharedArrayBuffer(4 * users)),
    starts: new Uint32Array(new SharedArrayBuffer(4 * (users + 1))),
    ticks: new Int32Array(new SharedArrayBuffer(4 * (rows + rowsPadding)), 0, rows),
    rests: new Uint8Array(new SharedArrayBuffer(rows)),
    baseMs,
  };
}

/** With some numbers behind the end, for who looks at several rows at once. */
export function paddedTicks({ ticks }: StepList): Int32Array {
  return new Int32Array(ticks.buffer, ticks.byteOffset, ticks.length + rowsPadding);
}

export function stepListBytes({ users, starts, ticks, rests }: StepList): number {
  return users.byteLength + starts.byteLength + ticks.byteLength + rests.byteLength;
}

/** Numbers are counted one by one where they are dense: at least one row for so many numbers. */
const sparsityMax = 16;
/** Digits by which other numbers are sorted. */
const digitBits = 11;
const digits = 1 << digitBits;
/** Runs up to this are put into order by inserting, which is nearly no work where they are in order. */
const insertMax = 32;

/** The store's rows come nearly in order, so each pass runs along. */
export function buildStepList(pieces: readonly Rows[], baseMs: number): StepList {
  let rows = 0;
  let highest = 0;
  for (const { users } of pieces) {
    rows += users.length;
    for (let at = 0; at < users.length; at += 1) {
      const user = users[at] as number;
      if (user > highest) highest = user;
    }
  }
  const list =
    highest <= sparsityMax * rows
      ? buildDense(pieces, rows, highest, baseMs)
      : buildSparse(pieces, rows, baseMs);
  sortInstants(list);
  return list;
}

/** Counts the rows of every number there may be. */
function buildDense(pieces: readonly Rows[], rows: number, highest: number, baseMs: number): StepList {
  const places = new Uint32Array(highest + 2);
  for (const { users } of pieces) {
    for (let at = 0; at < users.length; at += 1) {
      const next = (users[at] as number) + 1;
      places[next] = (places[next] as number) + 1;
    }
  }
  let distinct = 0;
  for (let next = 1; next < places.length; next += 1) if (places[next] !== 0) distinct += 1;
  const list = makeStepList(distinct, rows, baseMs);
  const { users: toUsers, starts, ticks, rests } = list;
  let place = 0;
  let index = 0;
  for (let user = 0; user <= highest; user += 1) {
    const count = places[user + 1] as number;
    // Now: where the user's next row goes.
    places[user + 1] = place;
    if (count === 0) continue;
    toUsers[index] = user;
    starts[index] = place;
    index += 1;
    place += count;
  }
  starts[distinct] = place;
  for (const piece of pieces) {
    const { users, ats } = piece;
    const shift = (piece.baseMs - baseMs) / tickMs;
    for (let at = 0; at < users.length; at += 1) {
      const next = (users[at] as number) + 1;
      const to = places[next] as number;
      places[next] = to + 1;
      const atMs = ats[at] as number;
      ticks[to] = (atMs >>> 8) + shift;
      rests[to] = atMs & 255;
    }
  }
  return list;
}

/** By digits of the number, the lowest first. */
function buildSparse(pieces: readonly Rows[], rows: number, baseMs: number): StepList {
  let from = emptyRows(rows);
  let to = emptyRows(rows);
  let filled = 0;
  for (const { users, ats, baseMs: pieceMs } of pieces) {
    from.users.set(users, filled);
    const shift = (pieceMs - baseMs) / tickMs;
    for (let at = 0; at < ats.length; at += 1) {
      from.ticks[filled + at] = ((ats[at] as number) >>> 8) + shift;
      from.rests[filled + at] = (ats[at] as number) & 255;
    }
    filled += ats.length;
  }
  for (let shift = 0; shift < 32; shift += digitBits) {
    const places = new Uint32Array(digits + 1);
    for (const user of from.users) {
      const next = ((user >>> shift) & (digits - 1)) + 1;
      places[next] = (places[next] as number) + 1;
    }
    for (let digit = 1; digit <= digits; digit += 1) {
      places[digit] = (places[digit] as number) + (places[digit - 1] as number);
    }
    for (let at = 0; at < rows; at += 1) {
      const user = from.users[at] as number;
      const digit = (user >>> shift) & (digits - 1);
      const place = places[digit] as number;
      places[digit] = place + 1;
      to.users[place] = user;
      to.ticks[place] = from.ticks[at] as number;
      to.rests[place] = from.rests[at] as number;
    }
    [from, to] = [to, from];
  }
  const distinct = from.users.reduce((count, user, at) => count + (user === from.users[at - 1] ? 0 : 1), 0);
  const list = makeStepList(distinct, rows, baseMs);
  list.ticks.set(from.ticks);
  list.rests.set(from.rests);
  let index = 0;
  from.users.forEach((user, at) => {
    if (at > 0 && user === from.users[at - 1]) return;
    list.users[index] = user;
    list.starts[index] = at;
    index += 1;
  });
  list.starts[distinct] = rows;
  return list;
}

function emptyRows(rows: number): { users: Uint32Array; ticks: Int32Array; rests: Uint8Array } {
  return { users: new Uint32Array(rows), ticks: new Int32Array(rows), rests: new Uint8Array(rows) };
}

/** Those of each user, where they are not in order yet. */
export function sortInstants(list: StepList): void {
  const { starts, ticks, rests } = list;
  for (let index = 0; index + 1 < starts.length; index += 1) {
    const begin = starts[index] as number;
    const end = starts[index + 1] as number;
    for (let at = begin + 1; at < end; at += 1) {
      const tick = ticks[at] as number;
      const before = ticks[at - 1] as number;
      if (tick > before || (tick === before && (rests[at] as number) >= (rests[at - 1] as number))) continue;
      if (end - begin > insertMax) sortMany(list, begin, end);
      else sortFew(list, begin, end);
      break;
    }
  }
}

function sortFew({ ticks, rests }: StepList, begin: number, end: number): void {
  for (let at = begin + 1; at < end; at += 1) {
    const tick = ticks[at] as number;
    const rest = rests[at] as number;
    let place = at;
    for (; place > begin; place -= 1) {
      const before = ticks[place - 1] as number;
      if (before < tick || (before === tick && (rests[place - 1] as number) <= rest)) break;
      ticks[place] = before;
      rests[place] = rests[place - 1] as number;
    }
    ticks[place] = tick;
    rests[place] = rest;
  }
}

function sortMany({ ticks, rests }: StepList, begin: number, end: number): void {
  const instants = new Float64Array(end - begin);
  for (let at = begin; at < end; at += 1) {
    instants[at - begin] = (ticks[at] as number) * tickMs + (rests[at] as number);
  }
  instants.sort();
  for (let at = begin; at < end; at += 1) {
    const instant = instants[at - begin] as number;
    ticks[at] = Math.floor(instant / tickMs);
    rests[at] = instant % tickMs;
  }
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

/** Users this near are looked at one after the other: that is nearly always where the next one is. */
const nearMax = 16;

/** The same, looked for from a place that is before it, and probably near. */
export function lowerBoundFrom(numbers: Uint32Array, from: number, least: number): number {
  const { length } = numbers;
  const nearEnd = Math.min(length, from + nearMax);
  let low = from;
  while (low < nearEnd && (numbers[low] as number) < least) low += 1;
  if (low < nearEnd || low === length) return low;
  let step = nearMax;
  let high = low;
  while (high < length && (numbers[high] as number) < least) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  high = Math.min(high, length);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
