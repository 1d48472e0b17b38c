// What a request about an alert says, checked; the query itself is checked by the query tier afterwards.
import { AlertShape, type NewDestination } from "#schemas/alerts/alert.ts";
import { MillraceError } from "#schemas/errors.ts";
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import { intervalOf } from "./alert-definition.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const checkShape = compileCheck(AlertShape);

/** Said by the evaluation, or meaning nothing for one line. */
const fieldsRefused = ["from", "to", "compare", "breakdown", "explain", "accuracy"] as const;

/** Throws MALFORMED_JSON, INVALID_ENCODING, INVALID_BODY or INVALID_QUERY that names the field. */
export function readAlert(payload: Uint8Array, options: { readonly mail: boolean }): AlertShape {
  const alert = asInvalidBody(() => checkShape(parse(payload)));
  const problems = alert.destinations.flatMap((destination, index) =>
    problemsOfDestination(destination, `destinations[${index}]`, options.mail),
  );
  const addresses = alert.destinations.map(addressOf);
  const repeated = addresses.findIndex((address, index) => addresses.indexOf(address) < index);
  if (repeated !== -1) {
    problems.push({ path: `destinations[${repeated}]`, message: "is the same as one before" });
  }
  if (problems.length > 0) throw invalidBody(problems);
  const ofQuery = problemsOfQuery(alert);
  if (ofQuery.length > 0) throw invalidQuery(ofQuery);
  return alert;
}

/** By what a destination is known when an alert is replaced. */
export function addressOf(
  destination: { type: "webhook"; url: string } | { type: "email"; to: string },
): string {
  return destination.type === "webhook" ? new URL(destination.url).href : `mailto:${destination.to}`;
}

export function readId(payload: Uint8Array): string {
  const given = parse(payload);
  return typeof given === "object" && given !== null ? String((given as { id?: unknown }).id) : "";
}

function problemsOfDestination(destination: NewDestination, path: string, mail: boolean): FieldProblem[] {
  if (destination.type === "email") {
    const message = "needs a mail server: set MILLRACE_SMTP_URL, or use a webhook";
    return mail ? [] : [{ path: `${path}.type`, message }];
  }
  if (!URL.canParse(destination.url)) return [{ path: `${path}.url`, message: "is not a URL" }];
  const url = new URL(destination.url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return [{ path: `${path}.url`, message: "must begin with http:// or https://" }];
  }
  if (url.username !== "" || url.password !== "") {
    return [{ path: `${path}.url`, message: "must not hold a user or password" }];
  }
  return [];
}

function problemsOfQuery({ query, rule }: AlertShape): FieldProblem[] {
  const problems: FieldProblem[] = fieldsRefused
    .filter((field) => query[field] !== undefined)
    .map((field) => ({ path: `query.${field}`, message: "is not for alerts" }));
  const { series, formula } = query;
  if (Array.isArray(series) && series.length > 1 && formula === undefined) {
    problems.push({ path: "query.series", message: "must be one, or be made one by a formula" });
  }
  const interval = intervalOf(query);
  if (rule.type === "anomaly" && interval !== "hour" && interval !== "day") {
    problems.push({ path: "query.interval", message: "must be hour or day for an anomaly" });
  }
  return problems;
}

export function invalidBody(problems: readonly FieldProblem[]): MillraceError {
  const first = problems[0] as FieldProblem;
  const where = first.path === "" ? "" : `\`${first.path}\`: `;
  return new MillraceError("INVALID_BODY", {
    message: `The body does not have the expected shape: ${where}${first.message}.`,
    details: problems,
  });
}

function asInvalidBody<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    throw invalidBody(error.details as readonly FieldProblem[]);
  }
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
