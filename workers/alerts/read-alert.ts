// What a request about an alert says, checked; the query itself is checked by the query tier afterwards.
import { AlertShape, type NewDestination } from "#schemas/alerts/alert.ts";
import { compileBody, invalidBody } from "#schemas/operations/read-body.ts";
import { invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import { intervalOf } from "./alert-definition.ts";

const readShape = compileBody(AlertShape);

/** Said by the evaluation, or meaning nothing for one line. */
const fieldsRefused = ["from", "to", "compare", "breakdown", "explain", "accuracy"] as const;

/** Throws MALFORMED_JSON, INVALID_ENCODING, INVALID_BODY or INVALID_QUERY that names the field. */
export function readAlert(payload: Uint8Array, options: { readonly mail: boolean }): AlertShape {
  const alert = readShape(payload);
  const problems = alert.destinations.flatMap((destination, index) =>
    problemsOfDestination(destination, `destinations[${index}]`, options.mail),
  );
  if (problems.length > 0) throw invalidBody(problems);
  const addresses = alert.destinations.map(addressOf);
  const repeated = addresses.findIndex((address, index) => addresses.indexOf(address) < index);
  if (repeated !== -1) {
    throw invalidBody([{ path: `destinations[${repeated}]`, message: "is the same as one before" }]);
  }
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
