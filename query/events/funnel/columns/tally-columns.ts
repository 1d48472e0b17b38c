// In a thread of the pool: the funnel of a part of the users over columns, person after person. Persons of several ids
// are left out of the run over the columns and gathered one by one.
import { lowerBound, noSteps, type StepList } from "../../../step-columns/step-list.ts";
import { partOf, type Column } from "../../../step-columns/step-columns.ts";
import type { SelectedPersons } from "../../../people/select-persons.ts";
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import { TrendMarks } from "../kernel/trend-marks.ts";
import type { JoinedIds } from "./joined-ids.ts";
import { ListWalk, type InstantList } from "./list-walk.ts";
import { Outcomes } from "./outcomes.ts";

export interface ColumnsTask {
  readonly rules: FunnelRules;
  /** One for each event. */
  readonly columns: readonly Column[];
  /** Column of each step, then of each exclusion; of a strict funnel then the one of all events. */
  readonly columnOf: readonly number[];
  readonly part: number;
  /** Users with this number or a higher one. */
  readonly firstUser: number;
  readonly joined: JoinedIds | undefined;
  /** Absent: everybody. */
  readonly selected: SelectedPersons | undefined;
}

const gatheredFirst = 64;
const nobody = 2 ** 32;

export function tallyColumns(task: ColumnsTask): FunnelOutcome {
  const { rules, columnOf, joined, part, firstUser } = task;
  const lists = task.columns.map((): InstantList => ({ times: new Float64Array(0), from: 0, end: 0 }));
  const listOf = (index: number): InstantList => lists[columnOf[index] as number] as InstantList;
  const marks = rules.trend === undefined ? undefined : new TrendMarks(rules, rules.trend);
  const walk = new ListWalk(
    rules,
    Array.from({ length: rules.steps }, (_, step) => listOf(step)),
    rules.exclusions.map((_, index) => listOf(rules.steps + index)),
    rules.order === "strict" ? listOf(rules.steps + rules.exclusions.length) : undefined,
    marks,
  );
  const readers = task.columns.map(
    (column, index) => new ColumnReader(column, part, firstUser, lists[index] as InstantList),
  );
  // Who has no event that can begin an attempt is passed over.
  const beginning = rules.order === "unordered" ? rules.steps : 1;
  const starters = [...new Set(columnOf.slice(0, beginning))].map((index) => readers[index] as ColumnReader);
  const persons = starters.reduce((sum, { usersMax }) => sum + usersMax, joined?.persons.length ?? 0);
  const outcomes = new Outcomes(rules, persons);
  const skipped = joined?.users ?? new Uint32Array(0);
  let skip = lowerBound(skipped, firstUser);
  const selection = new Selection(task.selected, firstUser);
  for (;;) {
    let user = nobody;
    for (let index = 0; index < starters.length; index += 1) {
      const next = (starters[index] as ColumnReader).user;
      if (next < user) user = next;
    }
    if (user === nobody) break;
    while (skip < skipped.length && (skipped[skip] as number) < user) skip += 1;
    if (skipped[skip] === user || !selection.hasNext(user)) {
      for (let index = 0; index < starters.length; index += 1) (starters[index] as ColumnReader).pass(user);
      continue;
    }
    for (let index = 0; index < readers.length; index += 1) (readers[index] as ColumnReader).take(user);
    walk.walk();
    if (walk.reached > 0) outcomes.add(user, walk);
  }

  for (let index = 0; index < (joined?.persons.length ?? 0); index += 1) {
    const { persons: joinedPersons, starts, members } = joined as JoinedIds;
    const person = joinedPersons[index] as number;
    if (person < firstUser || partOf(person) !== part || !selection.has(person)) continue;
    const ids = members.subarray(starts[index], starts[index + 1]);
    task.columns.forEach((column, at) => gather(column, ids, lists[at] as InstantList));
    walk.walk();
    if (walk.reached > 0) outcomes.add(person, walk);
  }
  return outcomes.finish(marks);
}

/** Who the filters let through. */
class Selection {
  readonly #persons: Uint32Array;
  readonly #complement: boolean;
  #place: number;

  constructor(selected: SelectedPersons | undefined, firstPerson: number) {
    this.#persons = selected?.persons ?? new Uint32Array(0);
    this.#complement = selected?.complement ?? true;
    this.#place = lowerBound(this.#persons, firstPerson);
  }

  /** Persons are asked for in order. */
  hasNext(person: number): boolean {
    const persons = this.#persons;
    let place = this.#place;
    while (place < persons.length && (persons[place] as number) < person) place += 1;
    this.#place = place;
    return (persons[place] === person) !== this.#complement;
  }

  has(person: number): boolean {
    return (this.#persons[lowerBound(this.#persons, person)] === person) !== this.#complement;
  }
}

/** Goes through the users of one part of a column, in order, and hands out the instants of one after the other. */
class ColumnReader {
  /** The next one that has not been taken; `nobody` at the end. */
  user: number;
  readonly #base: StepList;
  readonly #tail: StepList;
  readonly #part: number;
  readonly #list: InstantList;
  #place: number;
  #tailPlace: number;
  #gathered = new Float64Array(gatheredFirst);

  constructor({ parts, tail }: Column, part: number, firstUser: number, list: InstantList) {
    this.#base = parts[part] ?? noSteps;
    this.#tail = tail;
    this.#part = part;
    this.#list = list;
    this.#place = lowerBound(this.#base.users, firstUser);
    this.#tailPlace = lowerBound(tail.users, firstUser);
    this.user = this.#find();
  }

  /** Those that are left, and maybe more. */
  get usersMax(): number {
    return this.#base.users.length - this.#place + this.#tail.users.length - this.#tailPlace;
  }

  /** Puts the user's instants into the list; those before are passed over. */
  take(user: number): void {
    const base = this.#base;
    const list = this.#list;
    this.pass(user - 1);
    if (this.user !== user) {
      list.end = list.from;
      return;
    }
    const isInBase = base.users[this.#place] === user;
    if (this.#tail.users[this.#tailPlace] === user) {
      this.#gather(isInBase);
      this.#tailPlace += 1;
    } else {
      list.times = base.times;
      list.from = base.starts[this.#place] as number;
      list.end = base.starts[this.#place + 1] as number;
    }
    if (isInBase) this.#place += 1;
    this.user = this.#find();
  }

  /** Leaves out the user and all before. */
  pass(user: number): void {
    while (this.user <= user) {
      if (this.#base.users[this.#place] === this.user) this.#place += 1;
      if (this.#tail.users[this.#tailPlace] === this.user) this.#tailPlace += 1;
      this.user = this.#find();
    }
  }

  #find(): number {
    const { users } = this.#tail;
    // The tail holds users of all parts.
    while (this.#tailPlace < users.length && partOf(users[this.#tailPlace] as number) !== this.#part) {
      this.#tailPlace += 1;
    }
    const base = this.#base.users[this.#place] ?? nobody;
    const tail = users[this.#tailPlace] ?? nobody;
    return base < tail ? base : tail;
  }

  /** Instants of both: the tail's come after the base's. */
  #gather(withBase: boolean): void {
    const { times, starts } = this.#base;
    const base = withBase
      ? times.subarray(starts[this.#place], starts[this.#place + 1])
      : times.subarray(0, 0);
    const tail = this.#tail.times.subarray(
      this.#tail.starts[this.#tailPlace],
      this.#tail.starts[this.#tailPlace + 1],
    );
    const length = base.length + tail.length;
    if (length > this.#gathered.length) this.#gathered = new Float64Array(2 * length);
    this.#gathered.set(base);
    this.#gathered.set(tail, base.length);
    this.#list.times = this.#gathered;
    this.#list.from = 0;
    this.#list.end = length;
  }
}

/** Instants of all ids of a person, in order. */
function gather({ parts, tail }: Column, ids: Uint32Array, list: InstantList): void {
  const found: Float64Array[] = [];
  for (const id of ids) {
    for (const { users, starts, times } of [parts[partOf(id)] ?? noSteps, tail]) {
      const place = lowerBound(users, id);
      if (users[place] === id) found.push(times.subarray(starts[place], starts[place + 1]));
    }
  }
  const length = found.reduce((sum, { length: count }) => sum + count, 0);
  const times = new Float64Array(length);
  let at = 0;
  for (const each of found) {
    times.set(each, at);
    at += each.length;
  }
  list.times = times.sort();
  list.from = 0;
  list.end = length;
}
