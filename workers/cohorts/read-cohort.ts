// What a request about cohorts says, checked: JSON with a definition or ids, or ids as CSV. The definition itself is
// checked by the query tier, which compiles it.
import { CohortIds, cohortLimits } from "#schemas/cohorts/cohort.ts";
import { MillraceError } from "#schemas/errors.ts";
import { asInvalid, invalidBody, parseJson } from "#schemas/operations/read-body.ts";
import { compileCheck } from "#schemas/query/check.ts";
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

/** Throws INVALID_BODY or INVALID_PARAMETER that names the field. */
export async function readCohort(payload: Uint8Array, call: Call): Promise<ReadCohort> {
  if (isCsv(call)) {
    const { name } = asInvalid("INVALID_PARAMETER", () => checkNamed({ name: textParameter(call, "name") }));
    return { name, ids: await parseIdsCsv(payload, textParameter(call, "column")) };
  }
  const { definition, ids, ...rest } = parseObject(payload);
  const { name } = asInvalid("INVALID_BODY", () => checkNamed(rest));
  if ((definition === undefined) === (ids === undefined)) {
    throw invalidBody([{ path: "definition", message: "is required, or else `ids`, and not both" }]);
  }
  if (ids !== undefined) return { name, ids: unique(asInvalid("INVALID_BODY", () => checkIds({ ids })).ids) };
  if (typeof definition !== "object" || definition === null) {
    throw invalidBody([{ path: "definition", message: "must be an object" }]);
  }
  return { name, definition };
}

/** Throws INVALID_BODY or INVALID_PARAMETER that names the field. */
export async function readIds(payload: Uint8Array, call: Call): Promise<readonly string[]> {
  if (isCsv(call)) return parseIdsCsv(payload, textParameter(call, "column"));
  return unique(asInvalid("INVALID_BODY", () => checkIds(parseObject(payload))).ids);
}

export function parseObject(payload: Uint8Array): Record<string, unknown> {
  const value = parseJson(payload);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw invalidBody([{ path: "", message: "must be an object" }]);
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
