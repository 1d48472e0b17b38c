// Bytes of a query to JSON.
import { queryLimits } from "#schemas/query/limits.ts";
import { MillraceError } from "#schemas/errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Throws BODY_TOO_LARGE, INVALID_ENCODING or MALFORMED_JSON. */
export function parseBody(payload: Uint8Array): unknown {
  if (payload.length > queryLimits.bodyBytesMax) {
    throw new MillraceError("BODY_TOO_LARGE", {
      message: `A query may have ${queryLimits.bodyBytesMax} bytes; this one has ${payload.length}.`,
    });
  }
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
