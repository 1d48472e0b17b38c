// In a thread of the pool: the funnel of a part of the users over columns, person after person. Persons of several ids
// are left out of the run over the columns and gathered one by one.
import { lowerBound } from "../../../step-columns/step-list.ts";
import { partOf } from "../../../step-columns/column-parts.ts";
import type { Column } from "../../../step-columns/step-columns.ts";
import type { SelectedPersons } from "../../../people/select-persons.ts";
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import { TrendMarks } from "../kernel/trend-marks.ts";
import { ColumnReader, emptyList, gather, nobody } from "./column-reader.ts";
import type { JoinedIds } from "./joined-ids.ts";
import { ListWalk, type InstantList } from "./list-walk.ts";
import { Outcomes } from "./outcomes.ts";
import { Selection } from "./selection.ts";
import { isFlat, isFlatStrict, walkFlat, walkFlatStrict } from "./walk-flat.ts";

export interface ColumnsTask {
  readonly rules: FunnelRules;
  /** One for each event. */
  readonly columns: readonly Column[];
  /** That the columns cover, from the first one's first day on. */
  readonly days: number;
  /** Column of each step, then of each exclusion; of a strict funnel then the one of all events. */
  readonly columnOf: readonly number[];
  readonly part: number;
  /** Users with this number or a higher one. */
  readonly firstUser: number;
  readonly joined: JoinedIds | undefined;
  /** Nobody asks for persons, only for all of them together. */
  readonly areAdded: boolean;
  /** Absent: everybody. */
  readonly selected: SelectedPersons | undefined;
}

export function tallyColumns(task: ColumnsTask): FunnelOutcome {
  const { rules, columnOf, joined, part, firstUser } = task;
  const lists = task.columns.map(emptyList);
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
  const outcomes = new Outcomes(rules, persons, task.areAdded);
  const skipped = joined?.users ?? new Uint32Array(0);
  const selection = new Selection(task.selected, firstUser);
  const look = (user: number): void => {
    for (let index = 0; index < readers.length; index += 1) (readers[index] as ColumnReader).take(user);
    walk.walk();
    if (walk.reached > 0) outcomes.add(user, walk.reached, walk.gapsMs);
  };
  if (isFlat(task)) walkFlat({ ...task, skipped, outcomes, marks });
  else if (isFlatStrict(task)) walkFlatStrict({ ...task, skipped, outcomes }).forEach(look);
  else {
    let skip = lowerBound(skipped, firstUser);
    for (;;) {
      let user = nobody;
      for (let index = 0; index < starters.length; index += 1) {
        const next = (starters[index] as ColumnReader).user;
        if (next < user) user = next;
      }
      if (user === nobody) break;
      while (skip < skipped.length && (skipped[skip] as number) < user) skip += 1;
      if (skipped[skip] !== user && selection.hasNext(user)) {
        look(user);
        continue;
      }
      for (let index = 0; index < starters.length; index += 1) (starters[index] as ColumnReader).pass(user);
    }
  }

  for (let index = 0; index < (joined?.persons.length ?? 0); index += 1) {
    const { persons: joinedPersons, starts, members } = joined as JoinedIds;
    const person = joinedPersons[index] as number;
    if (person < firstUser || partOf(person) !== part || !selection.has(person)) continue;
    const ids = members.subarray(starts[index], starts[index + 1]);
    task.columns.forEach((column, at) => gather(column, ids, lists[at] as InstantList));
    walk.walk();
    if (walk.reached > 0) outcomes.add(person, walk.reached, walk.gapsMs);
  }
  return outcomes.finish(marks);
}
