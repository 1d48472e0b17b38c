// Who sends this request, and may they: the key of the header, resolved, with a scope the route allows.
import { MillraceError } from "#schemas/errors.ts";
import type { KeyScope, ResolvedKey } from "#schemas/projects/project.ts";
import type { RequestHead } from "../server/exchange.ts";
import { hashKey, parseKey } from "./credentials.ts";
import type { KeyCache } from "./key-cache.ts";

function checkScope(resolved: ResolvedKey | null, scope: KeyScope): ResolvedKey {
  if (resolved === null) throw new MillraceError("UNAUTHORIZED");
  if (resolved.scope !== scope) {
    throw new MillraceError("FORBIDDEN", {
      message: `This needs a key of scope ${scope}; the key that was sent has scope ${resolved.scope}.`,
    });
  }
  return resolved;
}

/** A promise only when the key is not cached. Throws or rejects: UNAUTHORIZED, FORBIDDEN, SERVICE_UNAVAILABLE. */
export function authorize(
  keys: KeyCache,
  head: RequestHead,
  scope: KeyScope,
): ResolvedKey | Promise<ResolvedKey> {
  const key = parseKey(head.header("authorization"), scope === "write");
  if (key === "") throw new MillraceError("UNAUTHORIZED");
  const resolved = keys.resolve(hashKey(key));
  return resolved instanceof Promise
    ? resolved.then((later) => checkScope(later, scope))
    : checkScope(resolved, scope);
}
