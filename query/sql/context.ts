// What the parts of one statement share while it is compiled.
import type { People } from "../people/people.ts";
import type { Parameters } from "./parameters.ts";
import { propertySql, type PropertySql } from "./property.ts";

export interface SqlContext {
  readonly parameters: Parameters;
  readonly people: People;
  /** A property of a row, where rows are not events; absent: of an event. */
  readonly propertyOf?: (name: string) => PropertySql;
}

export function propertyIn({ propertyOf = propertySql }: SqlContext, name: string): PropertySql {
  return propertyOf(name);
}
