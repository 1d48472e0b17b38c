// What a query string asks: everything arrives as text, and what is wrong is a parameter, not a query.
import { invalidQuery } from "#schemas/query/check.ts";
import { MillraceError } from "#schemas/errors.ts";

/** Runs `read`; its INVALID_QUERY becomes INVALID_PARAMETER that names the same fields. */
export function asParameters<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    const message = error.message.replace("The query does not match its contract", "A parameter is wrong");
    throw new MillraceError("INVALID_PARAMETER", { message, details: error.details });
  }
}

/** Epoch milliseconds come as text in a query string. */
export function instantOf(text: string | undefined): string | number | undefined {
  return text !== undefined && /^-?\d{5,}$/.test(text) ? Number(text) : text;
}

/** A `limit` from 1 to `most`; throws INVALID_QUERY. */
export function readLimit(text: string | undefined, limits: { usual: number; most: number }): number {
  const limit = text === undefined ? limits.usual : Number(text);
  if (/^\d+$/.test(text ?? "0") && limit >= 1 && limit <= limits.most) return limit;
  throw invalidQuery([{ path: "limit", message: `must be a whole number from 1 to ${limits.most}` }]);
}
