// Checks a query against its contract and says which fields are wrong, before any store is asked.
import { type Static, type TSchema } from "@sinclair/typebox";
import { TypeCompiler, ValueErrorType, type ValueError } from "@sinclair/typebox/compiler";
import { MillraceError } from "../errors.ts";
import { queryLimits } from "./limits.ts";

export interface FieldProblem {
  /** `series[0].math`; empty for the query itself. */
  readonly path: string;
  readonly message: string;
}

const problemsMax = 20;
const pathLengthMax = 200;

export function invalidQuery(problems: readonly FieldProblem[]): MillraceError {
  const first = problems[0];
  const where = first === undefined || first.path === "" ? "" : `\`${first.path}\`: `;
  const message =
    first === undefined ? undefined : `The query does not match its contract: ${where}${first.message}.`;
  return new MillraceError("INVALID_QUERY", {
    ...(message === undefined ? {} : { message }),
    details: problems,
  });
}

/** "/series/0/math" as "series[0].math". */
export function fieldPath(pointer: string): string {
  const path = pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce(
      (before, part) =>
        /^\d+$/.test(part) ? `${before}[${part}]` : before === "" ? part : `${before}.${part}`,
      "",
    );
  return shorten(path);
}

/** Names of fields may be as long as the body: an answer that repeats them is not. */
function shorten(path: string): string {
  return path.length > pathLengthMax ? `${path.slice(0, pathLengthMax)}…` : path;
}

/** Compiles a contract once; the check answers the typed query or throws INVALID_QUERY that names the fields. */
export function compileCheck<T extends TSchema>(schema: T): (value: unknown) => Static<T> {
  const compiled = TypeCompiler.Compile(schema);
  return (value) => {
    // Before the recursive check, which uses the call stack.
    refuseDeepNesting(value);
    if (compiled.Check(value)) return value;
    const problems: FieldProblem[] = [];
    for (const error of compiled.Errors(value)) {
      collectProblems(error, problems);
      if (problems.length >= problemsMax) break;
    }
    throw invalidQuery(problems.slice(0, problemsMax));
  };
}

/** Levels of nesting of a query with filters as deep as allowed. */
const nestingMax = queryLimits.filterDepthMax * 2 + 8;

function refuseDeepNesting(value: unknown): void {
  const open: { value: unknown; path: string; depth: number }[] = [{ value, path: "", depth: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (typeof next.value !== "object" || next.value === null) continue;
    if (next.depth > nestingMax)
      throw invalidQuery([{ path: shorten(next.path), message: "is nested too deep" }]);
    for (const [key, inner] of Object.entries(next.value)) {
      open.push({ value: inner, path: next.path === "" ? key : next.path, depth: next.depth + 1 });
    }
  }
}

function literalsOf(schema: TSchema): string[] | undefined {
  const variants = schema["anyOf"] as TSchema[] | undefined;
  const literals = variants?.map((variant) => variant["const"] as unknown);
  return literals?.every((literal) => typeof literal === "string") ? (literals as string[]) : undefined;
}

/** Which variant of a union of objects was meant: the one most of whose required fields are there. */
function meantVariant(schema: TSchema, value: unknown): number | undefined {
  const variants = schema["anyOf"] as { type?: string; required?: string[] }[] | undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (variants?.every(({ type }) => type === "object") !== true) return undefined;
  const present = variants.map(({ required }) => (required ?? []).filter((name) => name in value).length);
  return present.indexOf(Math.max(...present));
}

function collectProblems(error: ValueError, problems: FieldProblem[]): void {
  if (problems.length >= problemsMax) return;
  const path = fieldPath(error.path);
  const add = (message: string): void => {
    // A missing field is also reported as one of the wrong type; the first says it better.
    if (!problems.some((problem) => problem.path === path)) problems.push({ path, message });
  };
  if (error.type === ValueErrorType.Union) {
    const literals = literalsOf(error.schema);
    if (literals !== undefined) return add(`must be one of ${literals.join(", ")}`);
    const variant = meantVariant(error.schema, error.value);
    const inner = variant === undefined ? undefined : error.errors[variant];
    if (inner !== undefined) {
      for (const each of inner) collectProblems(each, problems);
      return;
    }
    return add("has a value of a kind that is not allowed here");
  }
  if (error.type === ValueErrorType.ObjectAdditionalProperties) return add("is not a known field");
  if (error.type === ValueErrorType.ObjectRequiredProperty) return add("is required");
  add(lowerFirst(error.message));
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
