// A definition as one statement that answers its people as a bitmap. Every condition is a scalar subquery of its
// own, named in WITH and computed once; sets are combined by bitmap algebra.
import type { EventSelector } from "../events/event-conditions.ts";
import { eventConditions } from "../events/event-conditions.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { planSlices, rollupsOfUsers } from "../events/plan-slices.ts";
import { cohortBitmapSql } from "../people/cohort-sql.ts";
import type { People } from "../people/people.ts";
import { areSets, cutBitmapSql, intersect, not, type PersonSet } from "../people/person-set.ts";
import { personsOfSql, personSql } from "../people/person-sql.ts";
import { matchingPersonsSql } from "../people/user-property.ts";
import type { SqlContext } from "../sql/context.ts";
import { tableOf } from "../sql/filters.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { Statement } from "../store/run-statement.ts";
import type { CohortNode } from "./read-definition.ts";
import { everWindow, type Window } from "./read-window.ts";

type Did = Extract<CohortNode, { kind: "did" }>;

/** One row, one column `users`: the state of groupBitmap over the persons' numbers. */
export function compileDefinition(root: CohortNode, people: People): Statement {
  const compiler = new DefinitionCompiler(people);
  const users = compiler.rootSql(root);
  return { sql: compiler.statementSql(users), parameters: compiler.context.parameters.values };
}

class DefinitionCompiler {
  readonly context: SqlContext;
  /** Names of bitmaps by their SQL: a condition that is repeated is computed once. */
  readonly #named = new Map<string, string>();

  constructor(people: People) {
    this.context = { parameters: new Parameters(), people };
  }

  statementSql(users: string): string {
    const named = [...this.#named].map(([sql, name]) => `${sql} AS ${name}`);
    return `${named.length === 0 ? "" : `WITH ${named.join(",\n")}\n`}SELECT ${users} AS users`;
  }

  rootSql(root: CohortNode): string {
    const { bitmap, complement } = this.#set(root);
    if (!complement) return bitmap;
    return `bitmapAndnot(${this.#peopleOf({ event: null, filters: [] }, everWindow)}, ${bitmap})`;
  }

  /** Everybody but a set stays "everybody but" as long as it can: all known people are the largest set of all. */
  #set(node: CohortNode): PersonSet {
    switch (node.kind) {
      case "and":
        return node.nodes.map((each) => this.#set(each)).reduce(intersect);
      case "or":
        return not(node.nodes.map((each) => not(this.#set(each))).reduce(intersect));
      case "not":
        return not(this.#set(node.node));
      case "did":
        return { bitmap: this.#didSql(node), complement: false };
      case "first_seen":
        return { bitmap: this.#firstSeenSql(node.event, node.window), complement: false };
      case "user_property": {
        const { persons, complement } = matchingPersonsSql(node.filter, this.context);
        return { bitmap: this.#name(`(SELECT groupBitmapState(person) FROM (${persons}))`), complement };
      }
      case "cohort":
        return { bitmap: this.#name(cohortBitmapSql(node.id, this.context)), complement: false };
    }
  }

  #didSql(node: Did): string {
    const { selector, atLeast, atMost, window } = node;
    if (atLeast === 1 && atMost === undefined) return this.#peopleOf(selector, window);
    const times = [`times >= ${this.context.parameters.bind("UInt64", atLeast)}`];
    if (atMost !== undefined) times.push(`times <= ${this.context.parameters.bind("UInt64", atMost)}`);
    const counted = [
      `SELECT ${personSql(this.context.people)} AS person, count() AS times`,
      this.#rowsSql(selector, window),
      `GROUP BY person HAVING ${times.join(" AND ")}`,
    ].join(" ");
    return this.#name(`(SELECT groupBitmapState(person) FROM (${counted}))`);
  }

  /** Those of the window who have no earlier event: two unions of rollups instead of everybody's first event. */
  #firstSeenSql(event: string | null, window: Window): string {
    const selector = { event, filters: [] };
    const seen = this.#peopleOf(selector, window);
    if (window.fromMs <= everWindow.fromMs) return seen;
    const before = this.#peopleOf(selector, { fromMs: everWindow.fromMs, endMs: window.fromMs });
    return `bitmapAndnot(${seen}, ${before})`;
  }

  /** The persons with at least one such event; from rollups where filters look at people alone. */
  #peopleOf(selector: EventSelector, window: Window): string {
    const { filters } = selector;
    if (!areSets(filters)) {
      const rows = this.#rowsSql(selector, window);
      return this.#name(`(SELECT groupBitmapState(${personSql(this.context.people)}) ${rows})`);
    }
    const slices = planSlices(window, [], rollupsOfUsers).map((slice) => {
      // What is left of an hour: events are sorted by time, steps by user.
      const table = slice.table === "steps" ? "events" : slice.table;
      const state = table === "events" ? "groupBitmapState(user_number)" : "groupBitmapMergeState(users)";
      const conditions = [
        rangeSql(table, slice, this.context.parameters),
        ...eventConditions({ event: selector.event, filters: [] }, this.context),
      ];
      return `SELECT ${state} AS slice_users ${fromTable(table, conditions)}`;
    });
    const ids = this.#name(
      `(SELECT groupBitmapMergeState(slice_users) FROM (${slices.join(" UNION ALL ")}))`,
    );
    return this.#name(
      cutBitmapSql(this.#name(personsOfSql(this.context.people, ids)), filters, this.context),
    );
  }

  #rowsSql(selector: EventSelector, window: Window): string {
    const table = tableOf(selector.filters);
    return fromTable(table, [
      rangeSql(table, window, this.context.parameters),
      ...eventConditions(selector, this.context),
    ]);
  }

  #name(sql: string): string {
    if (/^set_\d+$/.test(sql)) return sql;
    const known = this.#named.get(sql);
    if (known !== undefined) return known;
    const name = `set_${this.#named.size + 1}`;
    this.#named.set(sql, name);
    return name;
  }
}
