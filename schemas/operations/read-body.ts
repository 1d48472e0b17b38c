// Bodies of requests as services read them: JSON that keeps to a contract, or an error that names the field.
import type { Static, TSchema } from "@sinclair/typebox";
import { MillraceError } from "../errors.ts";
import { compileCheck, type FieldProblem } from "../query/check.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Throws MALFORMED_JSON or INVALID_ENCODING. */
export function parseJson(payload: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(payload);
  } catch (error) {
    throw new MillraceError("INVALID_ENCODING", { cause: error });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new MillraceError("MALFORMED_JSON", {
      message: `The body is not valid JSON: ${error instanceof Error ? error.message : "unknown"}`,
      cause: error,
    });
  }
}

/** A reader that throws as `parseJson`, or INVALID_BODY with the fields that are wrong. */
export function compileBody<T extends TSchema>(schema: T): (payload: Uint8Array) => Static<T> {
  const check = compileCheck(schema);
  return (payload) => {
    const body = parseJson(payload);
    return asInvalid("INVALID_BODY", () => check(body));
  };
}

/** One member of what the edge builds from the address of a request, such as its `id`; "" when it is not there. */
export function readMember(payload: Uint8Array, name: string): string {
  const given = parseJson(payload);
  if (typeof given !== "object" || given === null) return "";
  const value = (given as Record<string, unknown>)[name];
  return value === undefined || value === null ? "" : String(value);
}

export function invalidBody(problems: readonly FieldProblem[]): MillraceError {
  return invalid("INVALID_BODY", problems);
}

/** The checks of contracts speak of queries; this says what else it is that they found wrong. */
export function asInvalid<T>(code: "INVALID_BODY" | "INVALID_PARAMETER", check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    throw invalid(code, error.details as readonly FieldProblem[]);
  }
}

function invalid(
  code: "INVALID_BODY" | "INVALID_PARAMETER",
  problems: readonly FieldProblem[],
): MillraceError {
  const what = code === "INVALID_BODY" ? "The body does not have the expected shape" : "A parameter is wrong";
  const first = problems[0] as FieldProblem;
  const where = first.path === "" ? "" : `\`${first.path}\`: `;
  return new MillraceError(code, { message: `${what}: ${where}${first.message}.`, details: problems });
}
