import { describe, expect, it } from "vitest";
import type { Filter } from "#schemas/query/filter.ts";
import { demandLimits } from "#schemas/selectors/demand.ts";
import { candidateSelectors } from "./candidate-selectors.ts";
import { findCover, type Wanted } from "./find-cover.ts";

const germany: Filter = { property: "country", operator: "eq", value: "DE" };
const pro: Filter = { property: "plan", operator: "eq", value: "pro" };
const dear: Filter = { property: "amount", operator: "gt", value: 10 };

function wanted(change: Partial<Wanted>): Wanted {
  return { event: "order", filters: [], users: true, ...change };
}

describe("what would answer a question of this kind", () => {
  it.each<[string, Partial<Wanted>, object[]]>([
    ["a breakdown", { breakdown: "country" }, [{ filters: [], breakdown: "country" }]],
    [
      "a filter by a text: its property",
      { filters: [germany] },
      [{ filters: [], breakdown: "country" }, { filters: [germany] }],
    ],
    [
      "two filters of one property",
      { filters: [{ or: [germany] }, { property: "country", operator: "neq", value: "NL" }] },
      [{ breakdown: "country" }, {}],
    ],
    ["filters of two properties", { filters: [germany, pro] }, [{ filters: [germany, pro] }]],
    ["a filter by a number", { filters: [dear] }, [{ filters: [dear] }]],
    [
      "a breakdown and filters of it and of others",
      { breakdown: "country", filters: [germany, pro] },
      [{ filters: [pro], breakdown: "country" }],
    ],
    ["a sum", { number: "amount", users: false }, [{ filters: [], number: "amount" }]],
    [
      "a sum under a condition",
      { number: "amount", users: false, filters: [germany] },
      [
        { breakdown: "country", number: "amount" },
        { filters: [germany], number: "amount" },
      ],
    ],
  ])("%s", (_what, change, expected) => {
    const candidates = candidateSelectors(wanted(change));
    expect(candidates).toMatchObject(expected.map((each) => ({ event: "order", ...each })));
    for (const definition of candidates) {
      expect(findCover(wanted(change), [{ id: 1, definition }]), JSON.stringify(definition)).toBeDefined();
    }
  });

  it("a list of values that is too long asks for its property only", () => {
    const value = Array.from({ length: demandLimits.definitionBytesMax / 8 }, (_, index) => `value-${index}`);
    const filter: Filter = { property: "sku", operator: "in", value };
    expect(candidateSelectors(wanted({ filters: [filter] }))).toEqual([
      { event: "order", filters: [], breakdown: "sku" },
    ]);
    expect(candidateSelectors(wanted({ filters: [filter, pro] }))).toEqual([]);
  });
});
