// GET /openapi.json and GET /docs: built once at the first request, from the contracts.
import { buildOpenApi } from "#schemas/operations/openapi.ts";
import type { Handler } from "../server.ts";
import { buildDocsPage } from "./docs-page.ts";

export function createDescription(version: string): { document: Handler; page: Handler } {
  let document: string | undefined;
  let page: string | undefined;
  return {
    document: (exchange) => exchange.answer(200, (document ??= JSON.stringify(buildOpenApi(version)))),
    page: (exchange) =>
      exchange.answer(
        200,
        (page ??= buildDocsPage(buildOpenApi(version))),
        [["Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"]],
        "text/html; charset=utf-8",
      ),
  };
}
