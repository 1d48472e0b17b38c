// The value of a property by which an answer is broken down.
import { userPropertyTextSql } from "../people/user-property.ts";
import { propertyIn, type SqlContext } from "./context.ts";

export interface ValueSource {
  readonly property: string;
  readonly on: "event" | "user";
}

/** Nullable(String): the value as text; null when it is missing. */
export function valueTextSql(source: ValueSource, context: SqlContext): string {
  return source.on === "user"
    ? userPropertyTextSql(source.property, context)
    : propertyIn(context, source.property).text;
}
