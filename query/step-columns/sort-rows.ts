// Puts rows of (user, time) into order: by counting digits of the user's number, which is dense, then the few rows of
// each user by time. Reading them in this order from the store would cost it five times as much.

/** Numbers of users are counted by so many bits at once. */
const digitBits = 11;
const digits = 1 << digitBits;
/** Runs up to this are put into order by inserting, which is nearly no work where they are in order. */
const insertMax = 32;

export interface Rows {
  readonly users: Uint32Array;
  readonly times: Uint32Array;
}

/** The rows are moved; the answer lies in either pair of arrays, `spare` or what was given. */
export function sortRows(rows: Rows, spare: Rows): Rows {
  let from = rows;
  let to = spare;
  const { length } = rows.users;
  let highest = 0;
  for (let at = 0; at < length; at += 1) highest = Math.max(highest, rows.users[at] as number);
  for (let shift = 0; shift < 32 && highest >>> shift !== 0; shift += digitBits) {
    scatter(from, to, shift);
    [from, to] = [to, from];
  }
  sortRuns(from);
  return from;
}

function scatter(from: Rows, to: Rows, shift: number): void {
  const { users, times } = from;
  const { users: toUsers, times: toTimes } = to;
  const places = new Uint32Array(digits + 1);
  const { length } = users;
  for (let at = 0; at < length; at += 1) {
    const digit = ((users[at] as number) >>> shift) & (digits - 1);
    places[digit + 1] = (places[digit + 1] as number) + 1;
  }
  for (let digit = 1; digit <= digits; digit += 1) {
    places[digit] = (places[digit] as number) + (places[digit - 1] as number);
  }
  for (let at = 0; at < length; at += 1) {
    const user = users[at] as number;
    const digit = (user >>> shift) & (digits - 1);
    const place = places[digit] as number;
    places[digit] = place + 1;
    toUsers[place] = user;
    toTimes[place] = times[at] as number;
  }
}

/** Rows of one user by time. */
function sortRuns({ users, times }: Rows): void {
  const { length } = users;
  for (let begin = 0, end = 0; begin < length; begin = end) {
    const user = users[begin] as number;
    let isSorted = true;
    for (end = begin + 1; end < length && users[end] === user; end += 1) {
      if ((times[end] as number) < (times[end - 1] as number)) isSorted = false;
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
