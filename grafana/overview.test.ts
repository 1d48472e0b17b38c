// Every metric that the dashboard asks for is declared by a tier (or by prom-client's own process metrics).
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createRegistry } from "#ops/runtime/metrics.ts";
import { panels } from "./overview.ts";

const root = join(import.meta.dirname, "..");

function declaredInSources(): string[] {
  const names: string[] = [];
  for (const tier of ["ingest", "workers", "query", "streams"]) {
    for (const entry of readdirSync(join(root, tier), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.startsWith("metrics") || entry.name.includes(".test.")) continue;
      const text = readFileSync(join(entry.parentPath, entry.name), "utf8");
      for (const [, name] of text.matchAll(/name: "(millrace_\w+)"/g)) names.push(name as string);
    }
  }
  return names;
}

function unknownMetrics(expressions: readonly string[], declared: ReadonlySet<string>): string[] {
  return expressions
    .flatMap((expression) => expression.match(/millrace_\w+/g) ?? [])
    .filter((name) => !declared.has(name) && !declared.has(name.replace(/_(bucket|sum|count)$/, "")));
}

it("asks only for metrics that exist", () => {
  const process = createRegistry({ tier: "test", instance: "test" }).getMetricsAsArray();
  const declared = new Set([...declaredInSources(), ...process.map((metric) => metric.name)]);
  expect(declared.size).toBeGreaterThan(30);
  const expressions = panels.flatMap((panel) => panel.queries.map((query) => query.expression));
  expect(unknownMetrics(expressions, declared)).toEqual([]);
  expect(unknownMetrics(["rate(millrace_no_such_total[5m])"], declared)).toEqual(["millrace_no_such_total"]);
});
