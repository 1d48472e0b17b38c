// The OpenAPI 3.1 document, built from the operations and the contracts that they name.
import { errorCatalogue, type ErrorCode } from "../errors.ts";
import { errorContract } from "./event-contracts.ts";
import { scopesOf, type Operation } from "./operation.ts";
import { operations } from "./operations.ts";

const schemasPath = "#/components/schemas/";

type Components = Map<string, unknown>;

/** Contracts with a name become references, and are collected under it. */
function toReferences(value: unknown, components: Components): unknown {
  if (Array.isArray(value)) return value.map((each) => toReferences(each, components));
  if (typeof value !== "object" || value === null) return value;
  const { $id, ...rest } = value as { $id?: unknown };
  if (typeof $id !== "string") return toMembers(rest, components);
  if (!components.has($id)) {
    // Reserved first: a recursive contract names itself.
    components.set($id, undefined);
    components.set($id, toMembers(rest, components));
  }
  return { $ref: `${schemasPath}${$id}` };
}

function toMembers(value: object, components: Components): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) =>
      key === "$ref" && typeof member === "string"
        ? [key, `${schemasPath}${member}`]
        : [key, toReferences(member, components)],
    ),
  );
}

function buildResponses(operation: Operation, components: Components): Record<string, unknown> {
  const { success } = operation;
  const codes = new Set<ErrorCode>(operation.errors);
  if (operation.scope !== null) {
    for (const code of ["UNAUTHORIZED", "FORBIDDEN", "SERVICE_UNAVAILABLE"] as const) codes.add(code);
  }
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const headers = { "X-Request-Id": { schema: { type: "string" } } };
  const responses: Record<string, unknown> = {
    [success.status]: {
      description: success.description,
      headers,
      content: {
        [success.content]: { schema: toReferences(success.schema ?? { type: "string" }, components) },
      },
    },
  };
  for (const [status, list] of [...byStatus].sort(([a], [b]) => a - b)) {
    const retry = status === 429 || status === 503;
    responses[status] = {
      description: list.map((code) => `\`${code}\`: ${errorCatalogue[code].message}`).join("\n\n"),
      headers: retry ? { ...headers, "Retry-After": { schema: { type: "integer" } } } : headers,
      content: { "application/json": { schema: toReferences(errorContract, components) } },
    };
  }
  return responses;
}

function describe({ description, aliases }: Operation): { description?: string } {
  const also = aliases === undefined ? "" : `Also at ${aliases.map((path) => `\`${path}\``).join(", ")}.`;
  const text = [description ?? "", also].filter((part) => part !== "").join("\n\n");
  return text === "" ? {} : { description: text };
}

function buildOperation(operation: Operation, components: Components): unknown {
  return {
    tags: [operation.tag],
    summary: operation.summary,
    ...describe(operation),
    // Alternatives: any one of the keys will do.
    security: scopesOf(operation.scope).map((scope) => ({ [`${scope}Key`]: [] })),
    ...(operation.parameters === undefined
      ? {}
      : {
          parameters: operation.parameters.map((each) => ({
            ...each,
            schema: toReferences(each.schema, components),
            required: each.in === "path",
          })),
        }),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(
              Object.entries(operation.body).map(([type, schema]) => [
                type,
                { schema: toReferences(schema, components) },
              ]),
            ),
          },
        }),
    responses: buildResponses(operation, components),
  };
}

export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: unknown;
}

export function buildOpenApi(version: string): OpenApi {
  const paths: Record<string, Record<string, unknown>> = {};
  const components: Components = new Map();
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = buildOperation(operation, components);
  }
  const bearer = (description: string): unknown => ({ type: "http", scheme: "bearer", description });
  const document = {
    openapi: "3.1.0",
    info: {
      title: "Millrace",
      version,
      description:
        "JSON in and out, UTF-8, times in ISO 8601 or epoch milliseconds in and ISO 8601 UTC out. Errors are " +
        '`{"error":{"code","message","details","request_id"}}` with a closed catalogue of codes; 429 and 503 carry ' +
        "an integer `Retry-After`. Every answer has `X-Request-Id`.",
    },
    paths,
    components: {
      securitySchemes: {
        writeKey: bearer("A write key: ingestion only. Also as Basic with the key as user name."),
        readKey: bearer("A read key: queries only."),
        adminKey: bearer("An admin key: administration."),
      },
      schemas: Object.fromEntries(components),
    },
  };
  // Contracts carry symbols and undefined; the document is plain JSON.
  return JSON.parse(JSON.stringify(document)) as OpenApi;
}
