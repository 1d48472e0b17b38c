// As `authorize`, for operations that manage something: whoever is refused there stands in the audit log.
import { MillraceError } from "#schemas/errors.ts";
import { scopesOf, type Operation } from "#schemas/operations/operation.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import type { RequestHead } from "../server/exchange.ts";
import { isManaging, type AuditTrail, type RefusedRequest } from "./audit-trail.ts";
import { resolveKey } from "./authorize.ts";
import { hashKey, parseKey } from "./credentials.ts";
import type { KeyCache } from "./key-cache.ts";

export type AuthorizeOperation = (
  head: RequestHead,
  request: Pick<RefusedRequest, "parameters" | "address" | "requestId">,
) => ResolvedKey | Promise<ResolvedKey>;

export function createAuthorizeOperation(
  { keys, audit }: { readonly keys: KeyCache; readonly audit: AuditTrail },
  operation: Operation,
): AuthorizeOperation {
  const scopes = scopesOf(operation.scope);
  const managing = isManaging(operation);
  return (head, request) => {
    const key = parseKey(head.header("authorization"), scopes.includes("write"));
    const refuse = (error: unknown): never => {
      if (managing && error instanceof MillraceError && error.status < 500) {
        // Whose key it is was just asked for.
        const known = key === "" ? null : keys.resolve(hashKey(key));
        audit.refused({ ...request, operation, error, key: known instanceof Promise ? null : known });
      }
      throw error;
    };
    try {
      const resolved = resolveKey(keys, key, scopes);
      return resolved instanceof Promise ? resolved.catch(refuse) : resolved;
    } catch (error) {
      return refuse(error);
    }
  };
}
