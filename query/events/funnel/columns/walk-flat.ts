// A part of the users in order, flat: over what the columns hold of the days before, and then again over all rows of those
// who have later ones. Most of them took all steps before, which no later row can change.
import { lowerBound, lowerBoundFrom, noSteps, type StepList } from "../../../step-columns/step-list.ts";
import type { Column } from "../../../step-columns/step-columns.ts";
import type { FunnelRules } from "../kernel/funnel-rows.ts";
import { isJoinable } from "./join-users.ts";
import { LateRows, withoutUsers } from "./late-rows.ts";
import { Selection } from "./selection.ts";
import { spanDaysMax } from "./ticks.ts";
import { walkOrdered, type OrderedWalk } from "./walk-ordered.ts";
import { walkStrict } from "./walk-strict.ts";

interface FlatTask {
  readonly rules: FunnelRules;
  readonly columns: readonly Column[];
  /** Column of each step first. */
  readonly columnOf: readonly number[];
  readonly part: number;
  /** That the columns cover. */
  readonly days: number;
}

/** Whether ticks and users are numbers that can be subtracted from each other, and all there is are steps in order. */
export function isFlat(task: FlatTask): boolean {
  const { order, exclusions } = task.rules;
  if (order !== "ordered" || exclusions.length > 0 || task.days > spanDaysMax) return false;
  const [first = noSteps] = listsOf(task, "parts");
  const [firstTail = noSteps] = listsOf(task, "tail");
  return isJoinable(first.users) && isJoinable(firstTail.users);
}

/** Persons come in any order. */
export function walkFlat(walk: FlatTask & Omit<OrderedWalk, "lists" | "late">): void {
  const lists = listsOf(walk, "parts");
  const tails = listsOf(walk, "tail");
  const late = new LateRows(lists, tails);
  walkOrdered({ ...walk, lists, late });
  walkOrdered({ ...walk, lists: late.finish(), late: undefined });
  // Whoever took the first step only lately: what is in the lists was before.
  const [firstTail = noSteps, ...others] = tails;
  const first = withoutUsers(firstTail, lists[0]?.users ?? noSteps.users);
  walkOrdered({ ...walk, lists: [first, ...others], late: undefined });
}

/** The same of a strict funnel. Trends are for who looks at each attempt. */
export function isFlatStrict(task: FlatTask): boolean {
  const { order, exclusions, trend } = task.rules;
  if (order !== "strict" || exclusions.length > 0 || trend !== undefined || task.days > spanDaysMax)
    return false;
  const [first = noSteps] = listsOf(task, "parts");
  return isJoinable(first.users);
}

/** Answers the users who are still to be looked at, in order. */
export function walkFlatStrict(walk: FlatTask & Omit<OrderedWalk, "lists" | "late" | "marks">): Uint32Array {
  const { columns, columnOf, part, firstUser, skipped, selected, rules } = walk;
  const lists = listsOf(walk, "parts");
  const ofAll = columns[columnOf[rules.steps] as number];
  const first = lists[0] ?? noSteps;
  const { users: lateFirst } = listsOf(walk, "tail")[0] ?? noSteps;
  const undecided = walkStrict({
    ...walk,
    lists,
    all: ofAll?.parts[part] ?? noSteps,
    lateFirst,
    lateAll: (ofAll?.tail[part] ?? noSteps).users,
  });
  // Whoever took the first step only lately.
  const selection = new Selection(selected, firstUser);
  let [known, skip] = [0, 0];
  for (let at = lowerBound(lateFirst, firstUser); at < lateFirst.length; at += 1) {
    const user = lateFirst[at] as number;
    known = lowerBoundFrom(first.users, known, user);
    skip = lowerBoundFrom(skipped, skip, user);
    if (first.users[known] !== user && skipped[skip] !== user && selection.hasNext(user))
      undecided.push(user);
  }
  return Uint32Array.from(undecided).sort();
}

function listsOf({ rules, columns, columnOf, part }: FlatTask, kind: "parts" | "tail"): StepList[] {
  return columnOf.slice(0, rules.steps).map((index) => columns[index]?.[kind][part] ?? noSteps);
}
