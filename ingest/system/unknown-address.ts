// What is said of an address that nothing answers: for a kind of query that does not exist, the ones that do.
import { MillraceError } from "#schemas/errors.ts";
import { operations } from "#schemas/operations/operations.ts";

const queryPrefix = "/v1/query/";

export function describeUnknown(path: string): MillraceError {
  if (!path.startsWith(queryPrefix)) return new MillraceError("NOT_FOUND");
  const kinds = operations
    .filter((operation) => operation.method === "POST" && operation.path.startsWith(queryPrefix))
    .map((operation) => operation.path.slice(queryPrefix.length));
  return new MillraceError("NOT_FOUND", {
    message: `There is no such query; there are ${kinds.join(", ")}.`,
    details: [{ path: "kind", message: `must be one of ${kinds.join(", ")}` }],
  });
}
