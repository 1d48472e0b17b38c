// What a request about insights or dashboards says, checked; the query inside is checked by the query tier.
import { type Static, type TSchema } from "@sinclair/typebox";
import { MillraceError } from "#schemas/errors.ts";
import { NewDashboard, type DashboardTile } from "#schemas/insights/dashboard.ts";
import { InsightShape } from "#schemas/insights/insight.ts";
import { compileCheck, type FieldProblem } from "#schemas/query/check.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const readDashboardShape = compileBody(NewDashboard);

/** Throws MALFORMED_JSON, INVALID_ENCODING, or INVALID_BODY that names the field. */
export const readInsight = compileBody(InsightShape);

/** Throws as `readInsight`. */
export function readDashboard(payload: Uint8Array): { name: string; tiles: readonly DashboardTile[] } {
  const { name, insights, tiles } = readDashboardShape(payload);
  if ((insights === undefined) === (tiles === undefined)) {
    throw invalidBody([{ path: "insights", message: "is required, or else `tiles`, and not both" }]);
  }
  return { name, tiles: tiles ?? (insights ?? []).map((insight_id) => ({ insight_id })) };
}

export function invalidBody(problems: readonly FieldProblem[]): MillraceError {
  const first = problems[0] as FieldProblem;
  const where = first.path === "" ? "" : `\`${first.path}\`: `;
  return new MillraceError("INVALID_BODY", {
    message: `The body does not have the expected shape: ${where}${first.message}.`,
    details: problems,
  });
}

/** The id that the parameters of a request without a body name. */
export function readId(payload: Uint8Array): string {
  const given = parse(payload);
  return typeof given === "object" && given !== null ? String((given as { id?: unknown }).id) : "";
}

function compileBody<T extends TSchema>(schema: T): (payload: Uint8Array) => Static<T> {
  const check = compileCheck(schema);
  return (payload) => {
    const body = parse(payload);
    try {
      return check(body);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
      throw invalidBody(error.details as readonly FieldProblem[]);
    }
  };
}

function parse(payload: Uint8Array): unknown {
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
