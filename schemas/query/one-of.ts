// A contract for one of a few words.
import { Type, type TSchema } from "@sinclair/typebox";

export function oneOf<const T extends readonly string[]>(values: T, description?: string) {
  return Type.Union(
    values.map((value) => Type.Literal(value)),
    { ...(description === undefined ? {} : { description }) },
  ) as unknown as TSchema & { static: T[number] };
}
