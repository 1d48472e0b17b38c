// What a request about cohorts says, checked: JSON with a definition or ids, or ids as CSV. The definition itself is
// checked by the query tier, which compiles it.
import { CohortIds, cohortLimits } from "#schemas/cohorts/cohort.ts";
import { MillraceError } from "#schemas/errors.ts";
import { compileCheck, type FieldProblem } from "#schemas/query/check.ts";
import { Type } from "@sinclair/typebox";
import type { Call } from "#streams/services.ts";
import { parseIdsCsv } from "./parse-ids-csv.ts";

export type ReadCohort = { readonly name: string } & (
  { readonly definition: object } | { readonly ids: readonly string[] }
);

const Name = Type.String({ minLength: 1, maxLength: cohortLimits.nameLengthMax });
const strict = { additionalProperties: false } as const;
const checkNamed = compileCheck(Type.Object({ name: Name }, strict));
const checkIds = compileCheck(CohortIds);

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Throws INVALID_BODY or INVALID_PARAMETER that names the field. */
export async function readCohort(payload: Uint8Array, call: Call): Promise<ReadCohort> {
  if (isCsv(call)) {
    const { name } = asWrong("INVALID_PARAMETER", () => checkNamed({ name: textParameter(call, "name") }));
    return { name, ids: await parseIdsCsv(payload, textParameter(call, "column")) };
  }
  const { definition, ids, ...rest } = parseObject(payload);
  const { name } = asWrong("INVALID_BODY", () => checkNamed(rest));
  if ((definition === undefined) === (ids === undefined)) {
    throw wrongBody([{ path: "definition", message: "is required, or else `ids`, and not both" }]);
  }
  if (ids !== undefined) return { name, ids: unique(asWrong("INVALID_BODY", () => checkIds({ ids })).ids) };
  if (typeof definition !== "object" || definition === null) {
    throw wrongBody([{ path: "definition", message: "must be an object" }]);
  }
  return { name, definition };
}

/** Throws INVALID_BODY or INVALID_PARAMETER that names the field. */
export async function readIds(payload: Uint8Array, call: Call): Promise<readonly string[]> {
  if (isCsv(call)) return parseIdsCsv(payload, textParameter(call, "column"));
  return unique(asWrong("INVALID_BODY", () => checkIds(parseObject(payload))).ids);
}

export function parseObject(payload: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = decoder.decode(payload);
  } catch (error) {
    throw new MillraceError("INVALID_ENCODING", { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (error) {
    throw new MillraceError("MALFORMED_JSON", {
      message: `The body is not valid JSON: ${error instanceof Error ? error.message : "unknown"}`,
      cause: error,
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw wrongBody([{ path: "", message: "must be an object" }]);
}

function isCsv(call: Call): boolean {
  const given = textParameter(call, "content_type") ?? "";
  const type = (given.split(";")[0] as string).trim().toLowerCase();
  if (type === "text/csv" || type === "application/csv") return true;
  if (type === "" || type.endsWith("json")) return false;
  throw new MillraceError("UNSUPPORTED_MEDIA_TYPE", {
    message: "The content type must be application/json or text/csv.",
  });
}

function textParameter(call: Call, name: string): string | undefined {
  const value = call.parameters[name];
  return typeof value === "string" ? value : undefined;
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

function wrongBody(problems: readonly FieldProblem[]): MillraceError {
  return wrong("INVALID_BODY", problems);
}

function wrong(code: "INVALID_BODY" | "INVALID_PARAMETER", problems: readonly FieldProblem[]): MillraceError {
  const what = code === "INVALID_BODY" ? "The body does not have the expected shape" : "A parameter is wrong";
  const first = problems[0] as FieldProblem;
  const where = first.path === "" ? "" : `\`${first.path}\`: `;
  return new MillraceError(code, { message: `${what}: ${where}${first.message}.`, details: problems });
}

/** The checks of contracts speak of queries; this is none. */
function asWrong<T>(code: "INVALID_BODY" | "INVALID_PARAMETER", check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    throw wrong(code, error.details as readonly FieldProblem[]);
  }
}
