// What the parts of one statement share while it is compiled.
import type { People } from "../people/people.ts";
import type { Parameters } from "./parameters.ts";

export interface SqlContext {
  readonly parameters: Parameters;
  readonly people: People;
}
