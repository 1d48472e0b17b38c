// The definition of a cohort, checked and with defaults: a tree of conditions. Everything that is wrong is named by
// its path, before any store is asked.
import { type TSchema } from "@sinclair/typebox";
import { Did, definitionLimits, FirstSeen } from "#schemas/cohorts/definition.ts";
import { MillraceError } from "#schemas/errors.ts";
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import { CohortFilter, PropertyFilter, type Filter } from "#schemas/query/filter.ts";
import type { EventSelector } from "../events/event-conditions.ts";
import type { CohortUse } from "../people/people.ts";
import { sessionProblems } from "../sessions/refuse-sessions.ts";
import { checkFilters } from "../sql/check-filters.ts";
import { readWindow, type Window } from "./read-window.ts";

export type CohortNode =
  | { readonly kind: "and" | "or"; readonly nodes: readonly CohortNode[] }
  | { readonly kind: "not"; readonly node: CohortNode }
  | {
      readonly kind: "did";
      readonly selector: EventSelector;
      readonly atLeast: number;
      /** Undefined: any number of times. */
      readonly atMost: number | undefined;
      readonly window: Window;
    }
  | { readonly kind: "first_seen"; readonly event: string | null; readonly window: Window }
  | { readonly kind: "user_property"; readonly filter: PropertyFilter }
  | { readonly kind: "cohort"; readonly id: string };

export interface ReadDefinition {
  readonly root: CohortNode;
  readonly cohortsUsed: readonly CohortUse[];
}

const kinds = ["and", "or", "not", "did", "did_not", "first_seen", "property", "cohort"] as const;
type Kind = (typeof kinds)[number];

const checks = {
  did: compileCheck(Did),
  first_seen: compileCheck(FirstSeen),
  property: compileCheck(PropertyFilter as TSchema as typeof PropertyFilter),
  cohort: compileCheck(CohortFilter as TSchema as typeof CohortFilter),
};

const problemsMax = 20;

/** `path` is where the definition stands in the request; `nowMs` is the instant of the refresh. */
export function readDefinition(definition: unknown, path: string, nowMs: number): ReadDefinition {
  const reader = new DefinitionReader(nowMs);
  const root = reader.read(definition, path, 1);
  const cohortsUsed = reader.finish();
  // Without problems there is a root.
  return { root: root as CohortNode, cohortsUsed };
}

class DefinitionReader {
  readonly #nowMs: number;
  readonly #problems: FieldProblem[] = [];
  readonly #cohortsUsed: CohortUse[] = [];
  readonly #filterLists: { path: string; filters: readonly Filter[] }[] = [];
  #nodes = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  finish(): CohortUse[] {
    // Together: the bound on filters is one for the whole definition.
    this.#collect("", () => this.#cohortsUsed.push(...checkFilters(this.#filterLists)));
    if (this.#problems.length > 0) throw invalidQuery(this.#problems.slice(0, problemsMax));
    return this.#cohortsUsed;
  }

  read(value: unknown, path: string, depth: number): CohortNode | undefined {
    this.#nodes += 1;
    if (this.#nodes > definitionLimits.nodesMax) {
      if (this.#nodes === definitionLimits.nodesMax + 1) {
        this.#add(path, `is one condition more than the ${definitionLimits.nodesMax} allowed`);
      }
      return undefined;
    }
    if (depth > definitionLimits.depthMax) {
      return this.#add(path, `is nested deeper than ${definitionLimits.depthMax} levels`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.#add(path, `must be an object with one of ${kinds.join(", ")}`);
    }
    const [kind, second] = kinds.filter((each) => Object.hasOwn(value, each));
    if (kind === undefined) return this.#add(path, `must have one of ${kinds.join(", ")}`);
    if (second !== undefined) return this.#add(path, `has both ${kind} and ${second}; a condition has one`);
    return this.#readKind(kind, value as Record<Kind, unknown>, path, depth);
  }

  #readKind(kind: Kind, node: Record<Kind, unknown>, path: string, depth: number): CohortNode | undefined {
    if (kind === "property") return this.#collect(path, () => this.#readProperty(node, path));
    if (kind === "cohort") return this.#collect(path, () => this.#readCohort(node, path));
    for (const name of Object.keys(node)) {
      if (name !== kind) this.#add(`${path}.${name}`, "is not a known field");
    }
    const value = node[kind];
    const inner = `${path}.${kind}`;
    switch (kind) {
      case "and":
      case "or":
        return this.#readList(kind, value, inner, depth);
      case "not":
        return negate(this.read(value, inner, depth + 1));
      case "did":
        return this.#collect(inner, () => this.#readDid(value, inner));
      case "did_not":
        return negate(this.#collect(inner, () => this.#readDid(value, inner)));
      case "first_seen":
        return this.#collect(inner, () => {
          const { event, ...window } = checks.first_seen(value);
          refuseSessions(event);
          return { kind, event: event ?? null, window: readWindow(window, this.#nowMs, true) };
        });
    }
  }

  #readList(kind: "and" | "or", value: unknown, path: string, depth: number): CohortNode | undefined {
    if (!Array.isArray(value) || value.length === 0) {
      return this.#add(path, "must be a list of at least one condition");
    }
    const nodes: (CohortNode | undefined)[] = [];
    for (const [index, each] of value.entries()) {
      nodes.push(this.read(each, `${path}[${index}]`, depth + 1));
      if (this.#nodes > definitionLimits.nodesMax) break;
    }
    return { kind, nodes: nodes.filter((each) => each !== undefined) };
  }

  #readDid(value: unknown, path: string): CohortNode {
    const { event, filters, at_least: atLeast = 1, at_most: atMost, ...window } = checks.did(value);
    refuseSessions(event);
    if (atMost !== undefined && atMost < atLeast) {
      throw invalidQuery([{ path: "at_most", message: "must not be less than `at_least`" }]);
    }
    if (filters !== undefined) this.#filterLists.push({ path: `${path}.filters`, filters });
    return {
      kind: "did",
      selector: { event: event ?? null, filters: filters ?? [] },
      atLeast,
      atMost,
      window: readWindow(window, this.#nowMs, false),
    };
  }

  #readProperty(node: unknown, path: string): CohortNode {
    const filter = checks.property(node);
    try {
      checkFilters([{ path: "", filters: [filter] }]);
    } catch (error) {
      // The condition is its own only filter.
      for (const problem of problemsOf(error))
        this.#add(path + problem.path.slice("[0]".length), problem.message);
    }
    if (filter.on === "user") return { kind: "user_property", filter };
    return {
      kind: "did",
      selector: { event: null, filters: [filter] },
      atLeast: 1,
      atMost: undefined,
      window: readWindow({}, this.#nowMs, false),
    };
  }

  #readCohort(node: unknown, path: string): CohortNode | undefined {
    const { cohort, negate: negated } = checks.cohort(node);
    this.#cohortsUsed.push({ id: cohort, path: `${path}.cohort` });
    const found: CohortNode = { kind: "cohort", id: cohort };
    return negated === true ? negate(found) : found;
  }

  #add(path: string, message: string): undefined {
    this.#problems.push({ path, message });
  }

  /** Problems that `read` throws are those of a part: they get the part's path. */
  #collect<T>(path: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      for (const problem of problemsOf(error)) this.#add(joinPath(path, problem.path), problem.message);
      return undefined;
    }
  }
}

function negate(node: CohortNode | undefined): CohortNode | undefined {
  return node === undefined ? undefined : { kind: "not", node };
}

function problemsOf(error: unknown): readonly FieldProblem[] {
  if (error instanceof MillraceError && error.code === "INVALID_QUERY") {
    return error.details as readonly FieldProblem[];
  }
  throw error;
}

function joinPath(path: string, inner: string): string {
  if (path === "" || inner === "") return path + inner;
  return inner.startsWith("[") ? `${path}${inner}` : `${path}.${inner}`;
}

function refuseSessions(event: string | null | undefined): void {
  const problems = sessionProblems(event, "event");
  if (problems.length > 0) throw invalidQuery(problems);
}
