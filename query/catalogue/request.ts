// The query strings of the catalogue, checked and with defaults: everything arrives as text.
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import {
  catalogueLimits,
  EventNamesParameters,
  PropertiesParameters,
  PropertyValuesParameters,
} from "#schemas/query/catalogue.ts";
import type { QueryRequest } from "../answer-query.ts";
import { asParameters, instantOf } from "../parse-parameters.ts";
import { checkProperty } from "../sql/check-filters.ts";
import { instantMsMin } from "../time/instants.ts";
import { readRange } from "../time/range.ts";
import { parseCursor, type Cursor } from "./cursor.ts";

export interface ListRequest extends QueryRequest {
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
  /** Empty: everything. */
  readonly search: string;
  readonly limit: number;
  readonly after: Cursor | undefined;
}

export interface PropertiesRequest extends ListRequest {
  /** Undefined: any event. */
  readonly event: string | undefined;
  /** Undefined: both. */
  readonly on: "event" | "user" | undefined;
}

export interface ValuesRequest extends ListRequest {
  readonly property: string;
  readonly event: string | undefined;
  readonly on: "event" | "user";
  readonly match: "contains" | "prefix";
}

const checkNames = compileCheck(EventNamesParameters);
const checkProperties = compileCheck(PropertiesParameters);
const checkValues = compileCheck(PropertyValuesParameters);

/** Throws INVALID_PARAMETER that names the wrong parameters, as the others do. */
export function readNamesRequest(given: unknown, nowMs: number): ListRequest {
  return asParameters(() => readList(checkNames(given), nowMs));
}

export function readPropertiesRequest(given: unknown, nowMs: number): PropertiesRequest {
  return asParameters(() => {
    const { event, on, ...list } = checkProperties(given);
    return { ...readList(list, nowMs), event, on };
  });
}

export function readValuesRequest(given: unknown, nowMs: number): ValuesRequest {
  return asParameters(() => {
    const { property, event, on = "event", match = "contains", ...list } = checkValues(given);
    const problems = checkProperty(property, on, "").map((each) => ({ ...each, path: "property" }));
    if (problems.length > 0) throw invalidQuery(problems);
    return { ...readList(list, nowMs), property, event, on, match };
  });
}

const dayMs = 86_400_000;

function readList(
  given: { from?: string; to?: string; timezone?: string; search?: string; limit?: string; cursor?: string },
  nowMs: number,
): ListRequest {
  const problems: FieldProblem[] = [];
  const limit = given.limit === undefined ? catalogueLimits.entriesDefault : Number(given.limit);
  if (!/^\d+$/.test(given.limit ?? "0") || limit < 1 || limit > catalogueLimits.entriesMax) {
    problems.push({
      path: "limit",
      message: `must be a whole number from 1 to ${catalogueLimits.entriesMax}`,
    });
  }
  const after = given.cursor === undefined ? undefined : parseCursor(given.cursor);
  if (given.cursor !== undefined && after === undefined) {
    problems.push({ path: "cursor", message: "must be the `next` of an answer" });
  }
  if (problems.length > 0) throw invalidQuery(problems);
  const from = instantOf(given.from);
  const to = instantOf(given.to);
  const range = readRange(
    {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(given.timezone === undefined ? {} : { timezone: given.timezone }),
    },
    nowMs,
  );
  // Without edges: whole UTC days, so that the rollups of days answer; clocks ahead of ours are included.
  const endMs = to === undefined ? Math.ceil(range.endMs / dayMs) * dayMs : range.endMs;
  const start = Math.floor((endMs - catalogueLimits.rangeDaysDefault * dayMs) / dayMs) * dayMs;
  return {
    fromMs: from === undefined ? Math.max(instantMsMin, start) : range.fromMs,
    endMs,
    search: given.search ?? "",
    limit,
    after,
    cohortsUsed: [],
    explain: false,
  };
}
