// Parameters of an address as the services of projects read them.
import type { Static, TObject } from "@sinclair/typebox";
import { compileCheck } from "../query/check.ts";
import { asInvalid, parseJson } from "../operations/read-body.ts";

/**
 * A reader of the parameters that the contract names; what else the address holds, such as its `id`, is left out.
 * Throws INVALID_PARAMETER.
 */
export function compileParameters<T extends TObject>(schema: T): (payload: Uint8Array) => Static<T> {
  const check = compileCheck(schema);
  const names = Object.keys(schema.properties);
  return (payload) => {
    const given = parseJson(payload) as Record<string, unknown>;
    const known = Object.fromEntries(
      names.filter((name) => name in given).map((name) => [name, given[name]]),
    );
    return asInvalid("INVALID_PARAMETER", () => check(known));
  };
}
