import { expect, test } from "vitest";
import { buildOpenApi } from "#schemas/operations/openapi.ts";
import { pathsOf } from "#schemas/operations/operation.ts";
import { operations } from "#schemas/operations/operations.ts";
import { createRoutes, type RouteParts } from "./routes.ts";
import { buildDocsPage } from "./system/docs-page.ts";

test("the routes are exactly the operations of the interface", () => {
  const nothing = (): void => undefined;
  // Handlers are made and not called: what they need is not looked at.
  const parts = {
    events: {},
    services: {},
    links: { redirect: nothing, unlock: nothing },
    receiveUpload: nothing,
    replayQuarantine: nothing,
    receiveListener: nothing,
    receiveClicks: nothing,
    health: nothing,
    readiness: nothing,
    metrics: nothing,
  };
  const routes = createRoutes(parts as unknown as RouteParts).filter(({ method }) => method !== "OPTIONS");
  const described = operations.flatMap((operation) =>
    pathsOf(operation).map((path) => `${operation.method} ${path.replace(/\{(\w+)\}/g, ":$1")}`),
  );
  expect(routes.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(described.toSorted());
});

test("the document names every parameter of its paths and resolves its references", () => {
  const document = buildOpenApi("1.2.3");
  const text = JSON.stringify(document);
  const { schemas } = document.components as { schemas: Record<string, unknown> };
  for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g))
    expect(schemas).toHaveProperty(name as string);
  for (const { path, parameters } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const named = (parameters ?? []).filter((each) => each.in === "path").map(({ name }) => name);
    expect(named).toEqual(inPath);
  }
});

test("the page shows every path, and nothing of it comes from elsewhere", () => {
  const page = buildDocsPage(buildOpenApi("1.2.3"));
  for (const { path } of operations) expect(page).toContain(`<code>${path}</code>`);
  expect(page).not.toMatch(/(?:src|href)="(?!\/)/);
  expect(page).not.toContain("<script");
});
