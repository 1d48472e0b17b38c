// What a change of a link was, for its history.
import { isDeepStrictEqual } from "node:util";
import type { LinkFields } from "./read-link.ts";

export interface FieldChange {
  readonly before: unknown;
  readonly after: unknown;
}

/** By the names of the API. Of a password only whether there is one; a new one for an old one is a change too. */
export function buildChanges(before: LinkFields, after: LinkFields): Record<string, FieldChange> {
  const changes: Record<string, FieldChange> = {};
  for (const name of Object.keys(before) as (keyof LinkFields)[]) {
    if (name === "target" || name === "title_by" || isDeepStrictEqual(before[name], after[name])) continue;
    if (name === "password_hash") {
      changes["password"] = { before: before[name] !== null, after: after[name] !== null };
    } else {
      changes[name] = { before: before[name], after: after[name] };
    }
  }
  return changes;
}
