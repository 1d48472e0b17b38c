// The window of a cohort's condition: the last so many days before each refresh, or fixed instants.
import { invalidQuery } from "#schemas/query/check.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";
import { readRange } from "../time/range.ts";

const dayMs = 86_400_000;

export interface Window {
  readonly fromMs: number;
  /** First instant after the window. */
  readonly endMs: number;
}

/** All that the stores can hold. */
export const everWindow: Window = { fromMs: instantMsMin, endMs: instantMsMax + 1 };

export interface GivenWindow {
  readonly days?: number;
  readonly from?: string | number;
  readonly to?: string | number;
  readonly timezone?: string;
}

/**
 * Open where nothing is said; "the last days" end with the refresh, whatever time later events claim.
 * Throws INVALID_QUERY with the path of what is wrong.
 */
export function readWindow(given: GivenWindow, nowMs: number, required: boolean): Window {
  const { days, from, to, timezone } = given;
  const fixed = from !== undefined || to !== undefined;
  if (days !== undefined) {
    if (fixed) throw invalidQuery([{ path: "days", message: "must not be given beside `from` or `to`" }]);
    return { fromMs: Math.max(instantMsMin, nowMs - days * dayMs), endMs: nowMs + 1 };
  }
  if (required && !fixed) {
    throw invalidQuery([{ path: "days", message: "is required, unless `from` or `to` is given" }]);
  }
  const range = { from: from ?? instantMsMin, to: to ?? instantMsMax };
  return readRange({ ...range, ...(timezone === undefined ? {} : { timezone }) }, nowMs);
}
