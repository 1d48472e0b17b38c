// svc.query.selector_statement: what a selector looks at as expressions over rows. The workers ask for it, and compute
// what is kept as the owner of the tables; nothing is read here.
import type { SelectorDefinition, SelectorStatement } from "#schemas/selectors/selector.ts";
import { parseBody } from "../parse-body.ts";
import { nobodyJoined } from "../people/people.ts";
import type { QueryContext } from "../query-context.ts";
import { filtersSql } from "../sql/filters.ts";
import { Parameters } from "../sql/parameters.ts";
import { propertySql } from "../sql/property.ts";

export async function selectorStatement(
  _context: QueryContext,
  payload: Uint8Array,
): Promise<SelectorStatement> {
  return compileSelector((parseBody(payload) as { definition: SelectorDefinition }).definition);
}

export function compileSelector({ filters, breakdown, number }: SelectorDefinition): SelectorStatement {
  const parameters = new Parameters();
  const matches = filtersSql(filters, { parameters, people: nobodyJoined });
  return {
    matches,
    value: breakdown === undefined ? "CAST(NULL, 'Nullable(String)')" : propertySql(breakdown).text,
    number: number === undefined ? "CAST(NULL, 'Nullable(Float64)')" : propertySql(number).number,
    parameters: parameters.values,
  };
}
