// In a thread of the pool: the funnel of a range of user numbers over sorted columns, person after person. Ids that were
// joined are left out of the run over the columns and gathered one by one.
import type { Column } from "../../../step-columns/step-columns.ts";
import type { Segment } from "../../../step-columns/segment.ts";
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import { GrowingFloats } from "../kernel/growing.ts";
import { TrendMarks } from "../kernel/trend-marks.ts";
import { ListWalk, type InstantList } from "./list-walk.ts";

/** Persons of several ids. */
export interface JoinedIds {
  /** All ids that are not looked at by themselves, ascending. */
  readonly users: Uint32Array;
  readonly persons: Uint32Array;
  /** Where the ids of each person begin in `members`; one more than there are persons. */
  readonly starts: Uint32Array;
  readonly members: Uint32Array;
}

export interface ColumnsTask {
  readonly rules: FunnelRules;
  /** One for each event. */
  readonly columns: readonly Column[];
  /** Column of each step, then of each exclusion. */
  readonly columnOf: readonly number[];
  /** User numbers from `firstUser` up to, not with, `endUser`. */
  readonly firstUser: number;
  readonly endUser: number;
  readonly joined: JoinedIds | undefined;
}

const listLengthFirst = 64;

/** A place in a segment's rows. */
interface Reader {
  readonly users: Uint32Array;
  readonly times: Uint32Array;
  readonly fromMs: number;
  readonly end: number;
  place: number;
}

export function tallyColumns(task: ColumnsTask): FunnelOutcome {
  const { rules, columnOf, joined } = task;
  const lists = task.columns.map((): InstantList => ({
    times: new Float64Array(listLengthFirst),
    length: 0,
  }));
  const listOf = (index: number): InstantList => lists[columnOf[index] as number] as InstantList;
  const marks = rules.trend === undefined ? undefined : new TrendMarks(rules, rules.trend);
  const walk = new ListWalk(
    rules,
    Array.from({ length: rules.steps }, (_, step) => listOf(step)),
    rules.exclusions.map((_, index) => listOf(rules.steps + index)),
    marks,
  );
  const outcome = new Outcomes(rules);
  const starting = rules.order === "ordered" ? 1 : rules.steps;
  const startColumns = [...new Set(columnOf.slice(0, starting))];

  const readers = task.columns.map((column) => column.map((segment) => readerOf(segment, task)));
  const starters = startColumns.flatMap((column) => readers[column] as Reader[]);
  const skipped = joined?.users ?? new Uint32Array(0);
  let skip = 0;
  for (;;) {
    const user = nextUser(starters);
    if (user === Infinity) break;
    while (skip < skipped.length && (skipped[skip] as number) < user) skip += 1;
    const isJoined = skipped[skip] === user;
    for (let column = 0; column < readers.length; column += 1) {
      takeRows(readers[column] as Reader[], user, lists[column] as InstantList, isJoined);
    }
    if (isJoined) continue;
    walk.walk();
    if (walk.reached > 0) outcome.add(user, walk);
  }

  if (joined !== undefined) {
    for (let index = 0; index < joined.persons.length; index += 1) {
      const person = joined.persons[index] as number;
      if (person < task.firstUser || person >= task.endUser) continue;
      const members = joined.members.subarray(joined.starts[index], joined.starts[index + 1]);
      task.columns.forEach((column, at) => gather(column, members, lists[at] as InstantList));
      walk.walk();
      if (walk.reached > 0) outcome.add(person, walk);
    }
  }
  return outcome.finish(marks);
}

function readerOf(segment: Segment, { firstUser, endUser }: ColumnsTask): Reader {
  const { users, times, fromMs } = segment;
  return { users, times, fromMs, place: lowerBound(users, firstUser), end: lowerBound(users, endUser) };
}

function nextUser(readers: readonly Reader[]): number {
  let user = Infinity;
  for (let index = 0; index < readers.length; index += 1) {
    const { users, place, end } = readers[index] as Reader;
    if (place < end && (users[place] as number) < user) user = users[place] as number;
  }
  return user;
}

/** The user's instants, over all segments in order of time; rows of users before are passed. */
function takeRows(readers: readonly Reader[], user: number, list: InstantList, isJoined: boolean): void {
  let length = 0;
  for (let index = 0; index < readers.length; index += 1) {
    const reader = readers[index] as Reader;
    const { users, times, end, fromMs } = reader;
    let { place } = reader;
    while (place < end && (users[place] as number) < user) place += 1;
    for (; place < end && users[place] === user; place += 1) {
      if (isJoined) continue;
      if (length === list.times.length) grow(list);
      list.times[length] = fromMs + (times[place] as number);
      length += 1;
    }
    reader.place = place;
  }
  list.length = length;
}

function gather(column: Column, members: Uint32Array, list: InstantList): void {
  let length = 0;
  for (const { users, times, fromMs } of column) {
    for (const user of members) {
      for (let place = lowerBound(users, user); place < users.length && users[place] === user; place += 1) {
        if (length === list.times.length) grow(list);
        list.times[length] = fromMs + (times[place] as number);
        length += 1;
      }
    }
  }
  list.length = length;
  list.times.subarray(0, length).sort();
}

function grow(list: InstantList): void {
  const times = new Float64Array(2 * list.times.length);
  times.set(list.times);
  list.times = times;
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

/** Collects what the kernel answers. */
class Outcomes {
  readonly #rules: FunnelRules;
  #reached = new Uint8Array(1024);
  #persons = 0;
  readonly #gapsMs = new GrowingFloats();
  readonly #listed: number[] = [];

  constructor(rules: FunnelRules) {
    this.#rules = rules;
  }

  add(person: number, { reached, at }: ListWalk): void {
    if (this.#persons === this.#reached.length) {
      const grown = new Uint8Array(2 * this.#persons);
      grown.set(this.#reached);
      this.#reached = grown;
    }
    this.#reached[this.#persons] = reached;
    this.#persons += 1;
    for (let step = 1; step < reached; step += 1) {
      this.#gapsMs.push((at[step] as number) - (at[step - 1] as number));
    }
    const { list } = this.#rules;
    if (list === undefined) return;
    // Step numbers count from 0, so a step was reached when more steps than its number were.
    if (list.dropped ? reached === list.step : reached > list.step) this.#listed.push(person);
  }

  finish(marks: TrendMarks | undefined): FunnelOutcome {
    return {
      reached: this.#reached.slice(0, this.#persons),
      values: undefined,
      gapsMs: this.#gapsMs.take(),
      trend: marks === undefined ? undefined : { entered: marks.entered, converted: marks.converted },
      listed: this.#rules.list === undefined ? undefined : Uint32Array.from(this.#listed),
    };
  }
}
