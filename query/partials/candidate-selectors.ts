// Which selectors would have answered what had to be read from rows: the most general first, so that questions that
// differ in a value only ask for the same one.
import { Buffer } from "node:buffer";
import type { Filter } from "#schemas/query/filter.ts";
import { demandLimits } from "#schemas/selectors/demand.ts";
import type { SelectorDefinition } from "#schemas/selectors/selector.ts";
import { asksForText, type Wanted } from "./find-cover.ts";

/** The second is for when the first has too many values to be kept; none when the conditions are too long. */
export function candidateSelectors({ event, filters, breakdown, number }: Wanted): SelectorDefinition[] {
  const ofNumber = number === undefined ? {} : { number };
  const exact = { event, filters, ...ofNumber };
  const candidates: SelectorDefinition[] = [];
  if (breakdown !== undefined) {
    const others = filters.filter((filter) => !asksForText(filter, breakdown));
    candidates.push({ event, filters: others, breakdown, ...ofNumber });
  } else {
    const property = propertyOf(filters[0]);
    if (property !== undefined && filters.every((filter) => asksForText(filter, property))) {
      candidates.push({ event, filters: [], breakdown: property, ...ofNumber });
    }
    candidates.push(exact);
  }
  return candidates.filter(
    (each) => Buffer.byteLength(JSON.stringify(each)) <= demandLimits.definitionBytesMax,
  );
}

function propertyOf(filter: Filter | undefined): string | undefined {
  if (filter === undefined || "cohort" in filter) return undefined;
  return "or" in filter ? propertyOf(filter.or[0]) : filter.property;
}
