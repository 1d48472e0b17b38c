// Says where something is wrong with a saved query: in the query that was saved, or in the range that was asked for.
import { MillraceError } from "#schemas/errors.ts";
import { invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import type { AskedRange } from "./apply-range.ts";

/** Problems of the query get paths inside `query`; those of `range` stay. */
export async function insideQuery<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isInvalid(error)) throw error;
    throw invalidQuery(problemsOf(error).map(placed));
  }
}

/** The same for a result: what is wrong with an asked range is a wrong parameter. */
export async function insideResult<T>(asked: AskedRange, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isInvalid(error)) throw error;
    const problems = problemsOf(error);
    const wrong = problems.filter(({ path }) => isAsked(asked, path));
    if (wrong.length === 0) throw invalidQuery(problems.map(placed));
    const first = wrong[0] as FieldProblem;
    throw new MillraceError("INVALID_PARAMETER", {
      message: `A parameter is wrong: \`${first.path}\`: ${first.message}.`,
      details: wrong,
    });
  }
}

function isInvalid(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === "INVALID_QUERY";
}

function problemsOf(error: MillraceError): readonly FieldProblem[] {
  return error.details as readonly FieldProblem[];
}

/** `from` may be wrong because of an asked `to`. */
function isAsked({ from, to, timezone }: AskedRange, path: string): boolean {
  if (path === "timezone") return timezone !== undefined;
  return (path === "from" || path === "to") && (from !== undefined || to !== undefined);
}

function placed({ path, message }: FieldProblem): FieldProblem {
  if (path === "range" || path === "") return { path: path === "" ? "query" : path, message };
  return { path: `query.${path}`, message };
}
