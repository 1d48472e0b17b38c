// Who sends this request, and may they: the key of the header, resolved, with a scope the route allows.
import { MillraceError } from "#schemas/errors.ts";
import type { KeyScope, ResolvedKey } from "#schemas/projects/project.ts";
import type { RequestHead } from "../server/exchange.ts";
import { hashKey, parseKey } from "./credentials.ts";
import type { KeyCache } from "./key-cache.ts";

function checkScope(resolved: ResolvedKey | null, scopes: readonly KeyScope[]): ResolvedKey {
  // A key that ended says no more than one that never was.
  if (resolved === null || isOver(resolved)) throw new MillraceError("UNAUTHORIZED");
  if (!resolved.scopes.some((scope) => scopes.includes(scope))) {
    throw new MillraceError("FORBIDDEN", {
      message: `This needs a key of scope ${scopes.join(" or ")}; the key that was sent has scope ${resolved.scopes.join(", ")}.`,
    });
  }
  return resolved;
}

function isOver({ expiresAtMs }: ResolvedKey): boolean {
  return expiresAtMs !== null && expiresAtMs <= Date.now();
}

/** As `authorize`, for a key that came elsewhere than in the header. */
export function resolveKey(
  keys: KeyCache,
  key: string,
  scopes: readonly KeyScope[],
): ResolvedKey | Promise<ResolvedKey> {
  if (key === "") throw new MillraceError("UNAUTHORIZED");
  const resolved = keys.resolve(hashKey(key));
  return resolved instanceof Promise
    ? resolved.then((later) => checkScope(later, scopes))
    : checkScope(resolved, scopes);
}

/**
 * A promise only when the key is not cached; a key of any of the scopes will do.
 * Throws or rejects: UNAUTHORIZED, FORBIDDEN, SERVICE_UNAVAILABLE.
 */
export function authorize(
  keys: KeyCache,
  head: RequestHead,
  ...scopes: readonly KeyScope[]
): ResolvedKey | Promise<ResolvedKey> {
  return resolveKey(keys, parseKey(head.header("authorization"), scopes.includes("write")), scopes);
}
