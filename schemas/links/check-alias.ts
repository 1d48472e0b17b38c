// Names that people give their links.
import { MillraceError } from "../errors.ts";
import { operations } from "../operations/operations.ts";
import { pathsOf } from "../operations/operation.ts";

/** As the edge reads codes, and no further: a trailing `+` asks for the preview, a dot is in names browsers ask for. */
const aliasPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

/** First segments of the edge's own addresses, and what stands where `/v1/links/{code}` has the code. */
const reserved: ReadonlySet<string> = new Set(
  operations.flatMap(pathsOf).flatMap((path) => {
    const [, first = "", second = "", third = ""] = path.split("/");
    const names = first === "v1" && second === "links" ? [first, third] : [first];
    return names.filter((name) => name !== "" && !name.startsWith("{")).map((name) => name.toLowerCase());
  }),
);

/** Whatever the case: an address that differs from ours only by it would mislead. */
export function isReserved(code: string): boolean {
  return reserved.has(code.toLowerCase());
}

/** Throws ALIAS_INVALID or ALIAS_RESERVED. */
export function checkAlias(alias: string): void {
  if (!aliasPattern.test(alias)) throw new MillraceError("ALIAS_INVALID");
  if (isReserved(alias)) throw new MillraceError("ALIAS_RESERVED");
}
