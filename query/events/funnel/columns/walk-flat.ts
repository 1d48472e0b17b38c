// A part of the users in order, flat: over what the columns hold of the days before, and then again over all rows of those
// who have later ones. Most of them took all steps before, which no later row can change.
import { noSteps, type StepList } from "../../../step-columns/step-list.ts";
import type { Column } from "../../../step-columns/step-columns.ts";
import type { FunnelRules } from "../kernel/funnel-rows.ts";
import { isJoinable } from "./join-users.ts";
import { LateRows, withoutUsers } from "./late-rows.ts";
import { spanDaysMax } from "./ticks.ts";
import { walkOrdered, type OrderedWalk } from "./walk-ordered.ts";

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

function listsOf({ rules, columns, columnOf, part }: FlatTask, kind: "parts" | "tail"): StepList[] {
  return columnOf.slice(0, rules.steps).map((index) => columns[index]?.[kind][part] ?? noSteps);
}
