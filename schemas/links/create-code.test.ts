import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { codeSymbols, createCode } from "./create-code.ts";

it("has 58 symbols, none of which looks like another", () => {
  expect(new Set(codeSymbols).size).toBe(58);
  expect(codeSymbols).not.toMatch(/[0OIl]/);
});

it("takes no byte that would make some symbols more frequent", () => {
  const bytes = [232, 255, 0, 57, 58, 231];
  expect(createCode(4, () => Uint8Array.from(bytes))).toBe("1z1z");
});

it("draws every symbol about equally often at every place", () => {
  const draws = 58_000;
  const counts = Array.from({ length: 7 }, () => new Map<string, number>());
  for (let draw = 0; draw < draws; draw += 1) {
    createCode(7, randomBytes)
      .split("")
      .forEach((symbol, place) => {
        counts[place]?.set(symbol, (counts[place].get(symbol) ?? 0) + 1);
      });
  }
  for (const place of counts) {
    const square = codeSymbols
      .split("")
      .reduce((sum, symbol) => sum + ((place.get(symbol) ?? 0) - 1000) ** 2, 0);
    // Chi-squared with 57 degrees of freedom: above 120 once in 500,000 fair runs.
    expect(square / 1000).toBeLessThan(120);
  }
});
