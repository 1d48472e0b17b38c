// The query string of an export, checked and with defaults.
import { compileCheck } from "#schemas/query/check.ts";
import { Filters, type Filter } from "#schemas/query/filter.ts";
import { ExportEventsParameters, type ExportFormat } from "#schemas/query/export.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { CohortUse } from "../../people/people.ts";
import { checkFilters } from "../../sql/check-filters.ts";
import { instantMsMax, instantMsMin } from "../../time/instants.ts";
import { readRange } from "../../time/range.ts";
import { wantsGzip } from "./packer.ts";

export interface ExportRequest {
  readonly format: ExportFormat;
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
  /** Empty: every event. */
  readonly events: readonly string[];
  readonly userId: string | undefined;
  readonly anonymousId: string | undefined;
  readonly filters: readonly Filter[];
  readonly cohortsUsed: readonly CohortUse[];
  readonly gzip: boolean;
}

const checkShape = compileCheck(ExportEventsParameters);
const checkFilterList = compileCheck(Filters);

/** Throws INVALID_PARAMETER that names the wrong parameters. */
export function readExportRequest(body: unknown): ExportRequest {
  try {
    return read(body);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    const message = error.message.replace("The query does not match its contract", "A parameter is wrong");
    throw new MillraceError("INVALID_PARAMETER", { message, details: error.details });
  }
}

function read(body: unknown): ExportRequest {
  const given = checkShape(body);
  const filters = given.filters === undefined ? [] : checkFilterList(parseFilters(given.filters));
  const cohortsUsed = checkFilters([{ path: "filters", filters }]);
  const range = readRange(
    {
      from: instantOf(given.from) ?? instantMsMin,
      to: instantOf(given.to) ?? instantMsMax,
      ...(given.timezone === undefined ? {} : { timezone: given.timezone }),
    },
    Date.now(),
  );
  const format = given.format ?? "ndjson";
  return {
    format,
    fromMs: range.fromMs,
    endMs: range.endMs,
    events: given.event === undefined ? [] : [given.event].flat(),
    userId: given.user_id,
    anonymousId: given.anonymous_id,
    filters,
    cohortsUsed,
    gzip: wantsGzip(format, flagOf(given.gzip), given.accept_encoding),
  };
}

/** A flag of a query string. */
export function flagOf(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === "true" || text === "1";
}

/** Epoch milliseconds come as text in a query string. */
function instantOf(text: string | undefined): string | number | undefined {
  return text !== undefined && /^-?\d{5,}$/.test(text) ? Number(text) : text;
}

function parseFilters(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new MillraceError("INVALID_PARAMETER", {
      message: "A parameter is wrong: `filters`: is not valid JSON.",
      details: [{ path: "filters", message: "is not valid JSON" }],
      cause: error,
    });
  }
}
