// GET /docs: the OpenAPI document as one page without scripts and without anything from elsewhere.
import type { OpenApi } from "#schemas/operations/openapi.ts";

interface OperationView {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Record<string, unknown>[];
  readonly parameters?: readonly { name: string; in: string; description: string }[];
  readonly requestBody?: { content: Record<string, { schema: unknown }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>;
}

const style = `
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:2rem 1rem;color:#1c2430;background:#fff}
h1,h2,h3{line-height:1.25}h2{margin-top:2.5rem}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:#f4f5f7;padding:.75rem;overflow:auto;border-radius:6px}
article{border-top:1px solid #d9dee5;padding:1rem 0}.method{display:inline-block;min-width:4.5rem;font-weight:700}
.key{background:#e8eefc;border-radius:4px;padding:0 .4rem;font-size:14px}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #e5e8ec;padding:.3rem .5rem;text-align:left;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#14181f;color:#e4e8ee}pre{background:#1f252f}.key{background:#24344f}
article,td,th{border-color:#333c49}}`;

function escape(text: string): string {
  return text.replace(
    /[&<>"]/g,
    (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char] ?? char,
  );
}

/** Prose with `code` and blank lines, as HTML. */
function prose(text: string): string {
  return escape(text)
    .split("\n\n")
    .map((part) => `<p>${part.replace(/`([^`]+)`/g, "<code>$1</code>")}</p>`)
    .join("");
}

function schemas(content: Record<string, { schema: unknown }> | undefined): string {
  return Object.entries(content ?? {})
    .map(
      ([type, { schema }]) =>
        `<details><summary><code>${escape(type)}</code></summary><pre>${escape(JSON.stringify(schema, null, 2))}</pre></details>`,
    )
    .join("");
}

function renderOperation(method: string, path: string, operation: OperationView): string {
  const keys = operation.security.flatMap((entry) => Object.keys(entry));
  const key = keys.length === 0 ? "no key" : (keys[0] as string).replace("Key", " key");
  const parameters = (operation.parameters ?? [])
    .map(
      (each) =>
        `<tr><td><code>${escape(each.name)}</code></td><td>${each.in}</td><td>${escape(each.description)}</td></tr>`,
    )
    .join("");
  const responses = Object.entries(operation.responses)
    .map(
      ([status, response]) =>
        `<tr><td><code>${status}</code></td><td>${prose(response.description)}${Number(status) < 300 ? schemas(response.content) : ""}</td></tr>`,
    )
    .join("");
  return `<article><h3><span class="method">${method.toUpperCase()}</span> <code>${escape(path)}</code></h3>
<p>${escape(operation.summary)} <span class="key">${key}</span></p>${prose(operation.description ?? "")}
${parameters === "" ? "" : `<h4>Parameters</h4><table>${parameters}</table>`}
${operation.requestBody === undefined ? "" : `<h4>Body</h4>${schemas(operation.requestBody.content)}`}
<h4>Answers</h4><table>${responses}</table></article>`;
}

export function buildDocsPage(document: OpenApi): string {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const view = operation as OperationView;
      const tag = view.tags[0] as string;
      byTag.set(tag, [...(byTag.get(tag) ?? []), renderOperation(method, path, view)]);
    }
  }
  const sections = [...byTag]
    .map(([tag, articles]) => `<h2>${escape(tag)}</h2>${articles.join("")}`)
    .join("");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(document.info.title)}: the interface</title>
<style>${style}</style></head><body><h1>${escape(document.info.title)} ${escape(document.info.version)}</h1>
${prose(document.info.description)}<p>For programs: <a href="/openapi.json">openapi.json</a></p>${sections}
<h2>Event</h2><pre>${escape(JSON.stringify((document.components as { schemas: { Event: unknown } }).schemas.Event, null, 2))}</pre>
</body></html>`;
}
