// Answers that are known before anything is asked: what was planted, as queries of the public interface and the part
// of their answers that must come back.

/** Stands in a body for the id of the answer's cohort. */
export const cohortPlace = "$cohort";

export interface KnownAnswer {
  readonly name: string;
  /** A cohort that is made for the question and has a known size. */
  readonly cohort?: { readonly definition: object; readonly size: number };
  readonly path: string;
  readonly body: object;
  /** Steps and rollups cannot answer it, only raw events. */
  readonly needsRows?: true;
  /** Members that the answer must have; lists must be equal in length and order. */
  readonly expected: object;
}

/** Rows of events that a planted part consists of. */
export interface Planted {
  readonly events: number;
  /** `INSERT … SELECT` of its rows. */
  readonly statements: readonly string[];
  readonly answers: readonly KnownAnswer[];
}

export interface KnownAnswersFile {
  readonly at: string;
  readonly project: string;
  readonly plan: object;
  readonly answers: readonly KnownAnswer[];
}

/** Where an answer differs from what is expected: path, expected, found. Empty: nowhere. */
export function compareAnswer(expected: unknown, found: unknown, path = ""): string[] {
  if (typeof expected === "number" && typeof found === "number") {
    // Means are computed in another order of additions.
    const close = Math.abs(expected - found) <= Math.abs(expected) * 1e-9;
    return close ? [] : [`${path}: expected ${expected}, found ${found}`];
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(found)) return [`${path}: expected a list, found ${JSON.stringify(found)}`];
    if (expected.length !== found.length) {
      return [`${path}: expected ${expected.length} entries, found ${found.length}`];
    }
    return expected.flatMap((each, index) => compareAnswer(each, found[index], `${path}[${index}]`));
  }
  if (typeof expected === "object" && expected !== null) {
    if (typeof found !== "object" || found === null) {
      return [`${path}: expected an object, found ${JSON.stringify(found)}`];
    }
    return Object.entries(expected).flatMap(([key, value]) =>
      compareAnswer(value, (found as Record<string, unknown>)[key], path === "" ? key : `${path}.${key}`),
    );
  }
  return expected === found
    ? []
    : [`${path}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`];
}
