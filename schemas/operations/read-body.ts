// Bodies of requests as services read them: JSON that keeps to a contract, or an error that names the field.
import type { Static, TSchema } from "@sinclair/typebox";
import { MillraceError } from "../errors.ts";
import { compileCheck, type FieldProblem } from "../query/check.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Escapes of JSON that stand for what no text in the relational store can hold. */
const suspicious = /\\u(?:0000|d[89a-f])/i;

/** Throws MALFORMED_JSON, INVALID_ENCODING, or INVALID_BODY for a text with NUL or half a character. */
export function parseJson(payload: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(payload);
  } catch (error) {
    throw new MillraceError("INVALID_ENCODING", { cause: error });
  }
  const value = parseText(text);
  if (suspicious.test(text) && !isStorable(value)) {
    throw new MillraceError("INVALID_BODY", {
      message: "A text of the body holds NUL (\\u0000) or half of a surrogate pair, which cannot be stored.",
    });
  }
  return value;
}

/** Every text of it, names of members too. Not by recursion: values may be nested deeper than the stack. */
function isStorable(value: unknown): boolean {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const each = left.pop();
    if (typeof each === "string") {
      if (!each.isWellFormed() || each.includes("\0")) return false;
    } else if (Array.isArray(each)) {
      for (const item of each) left.push(item);
    } else if (typeof each === "object" && each !== null) {
      for (const [name, member] of Object.entries(each)) left.push(name, member);
    }
  }
  return true;
}

function parseText(text: string): unknown {
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
