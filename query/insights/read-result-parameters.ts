// The parameters of a result, of an insight or a dashboard.
import { MillraceError } from "#schemas/errors.ts";
import { ResultParameters } from "#schemas/insights/insight.ts";
import { compileCheck } from "#schemas/query/check.ts";
import { parseBody } from "../parse-body.ts";
import { readEdges } from "../time/range.ts";
import type { AskedRange } from "./apply-range.ts";

const check = compileCheck(ResultParameters);

/** Throws INVALID_PARAMETER that names the wrong parameters. */
export function readResultParameters(payload: Uint8Array): { id: string; asked: AskedRange } {
  const given = parseBody(payload) as Record<string, unknown>;
  // What the edge adds for streamed answers.
  const { accept_encoding: _encoding, ...parameters } = given;
  try {
    const { id, timezone, ...edges } = check(parameters);
    const [from, to] = [instantOf(edges.from), instantOf(edges.to)];
    const asked = {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(timezone === undefined ? {} : { timezone }),
    };
    readEdges(asked);
    return { id, asked };
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    const message = error.message.replace("The query does not match its contract", "A parameter is wrong");
    throw new MillraceError("INVALID_PARAMETER", { message, details: error.details });
  }
}

/** Epoch milliseconds come as text in a query string. */
function instantOf(text: string | undefined): string | number | undefined {
  return text !== undefined && /^-?\d{5,}$/.test(text) ? Number(text) : text;
}
