// Short links: made, found, changed, deleted, imported and exported.
import { Type } from "@sinclair/typebox";
import type { ErrorCode } from "../errors.ts";
import {
  Link,
  LinkBulk,
  LinkBulkResult,
  LinkChanges,
  LinkHistory,
  LinkImportResult,
  linkLimits,
  LinkListParameters,
  LinkPage,
  NewLink,
} from "../links/link-contract.ts";
import { adminMsMax, anyObject, inPath, inQuery, json, type Operation, type Parameter } from "./operation.ts";

const bulkMsMax = 30_000;
const code = inPath("code", "Code or alias of the link.");
const domain: Parameter = {
  name: "domain",
  in: "query",
  description: "The link's domain; default: the server's own address.",
  schema: Type.String({ maxLength: 253 }),
};
const idempotencyKey: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "Any text of your own. For 24 hours the same key with the same body gets the same answer and makes nothing new.",
  schema: Type.String({ minLength: 1, maxLength: linkLimits.idempotencyKeyLengthMax }),
};
const reading = ["read", "links", "admin"] as const;
const writing = ["links", "admin"] as const;
const auditOfLink = { outcome: ["id", "code", "domain"] } as const;
const auditOfMany = { outcome: ["created", "failed"] } as const;
const bodyErrors = [
  "MALFORMED_JSON",
  "INVALID_ENCODING",
  "INVALID_BODY",
  "EMPTY_BODY",
  "BODY_TOO_LARGE",
] as const;
const linkErrors = [
  "URL_INVALID",
  "URL_FORBIDDEN",
  "CONFLICT",
  "RATE_LIMITED",
] as const satisfies ErrorCode[];
const newLinkErrors = [
  ...bodyErrors,
  ...linkErrors,
  "ALIAS_INVALID",
  "ALIAS_RESERVED",
  "ALIAS_TAKEN",
  "DOMAIN_TAKEN",
  "INVALID_PARAMETER",
  "IDEMPOTENCY_KEY_REUSED",
] as const satisfies ErrorCode[];
const qrParameters: readonly Parameter[] = [
  code,
  domain,
  {
    name: "scale",
    in: "query",
    description: "PNG: pixels of each module, 1 to 40; default 8.",
    schema: Type.String({ pattern: "^\\d{1,2}$" }),
  },
  {
    name: "ecc",
    in: "query",
    description:
      "Share of the symbol that may be damaged: low 7 %, medium 15 % (default), quartile 25 %, high 30 %.",
    schema: Type.Union(["low", "medium", "quartile", "high"].map((each) => Type.Literal(each))),
  },
];

function qr(type: "svg" | "png", content: string): Operation {
  return {
    method: "GET",
    path: `/v1/links/{code}/qr.${type}`,
    service: { subject: `svc.links.qr_${type}`, msMax: adminMsMax, stream: true },
    scope: reading,
    tag: "Links",
    summary: `The short URL as a QR code, ${type.toUpperCase()}`,
    parameters: type === "png" ? qrParameters : qrParameters.filter(({ name }) => name !== "scale"),
    success: { status: 200, description: "The image.", content, schema: Type.String() },
    errors: ["LINK_NOT_FOUND", "INVALID_PARAMETER", "RATE_LIMITED"],
  };
}

export const linksOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/links",
    service: { subject: "svc.links.create", msMax: adminMsMax, headers: ["idempotency-key"] },
    scope: writing,
    tag: "Links",
    summary: "Create a short link",
    description: "Without an alias the code is drawn: 7 symbols, without those that look alike.",
    parameters: [idempotencyKey],
    body: { [json]: NewLink },
    success: { status: 201, description: "The link.", content: json, schema: Link },
    audit: auditOfLink,
    errors: newLinkErrors,
  },
  {
    method: "POST",
    path: "/v1/links/bulk",
    service: {
      subject: "svc.links.create_bulk",
      msMax: bulkMsMax,
      bodyBytesMax: linkLimits.bulkBodyBytesMax,
      headers: ["idempotency-key"],
    },
    scope: writing,
    tag: "Links",
    summary: `Create up to ${linkLimits.bulkMax} links`,
    description: "Each is made or refused by itself; the answer says which.",
    parameters: [idempotencyKey],
    body: { [json]: LinkBulk },
    success: { status: 200, description: "A result for each.", content: json, schema: LinkBulkResult },
    audit: auditOfMany,
    errors: [...bodyErrors, "INVALID_PARAMETER", "IDEMPOTENCY_KEY_REUSED", "RATE_LIMITED"],
  },
  {
    method: "POST",
    path: "/v1/links/import",
    service: { subject: "svc.links.import", msMax: bulkMsMax, bodyBytesMax: linkLimits.bulkBodyBytesMax },
    scope: writing,
    tag: "Links",
    summary: "Create links from a CSV file",
    description:
      `The first line names the columns: url, and any of alias, domain, title, tags (separated by |), redirect, ` +
      `forward_query, expires_at, expired_url, max_clicks, password, external_id, utm_source, utm_medium, utm_campaign, ` +
      `utm_term, utm_content. What an export has more is passed over; its code is taken as the alias. At most ` +
      `${linkLimits.importRowsMax} rows; each is made or refused by itself.`,
    body: { "text/csv": Type.String() },
    success: {
      status: 200,
      description: "What became of the rows.",
      content: json,
      schema: LinkImportResult,
    },
    audit: auditOfMany,
    errors: [
      "INVALID_ENCODING",
      "INVALID_BODY",
      "EMPTY_BODY",
      "BODY_TOO_LARGE",
      "COLUMN_NOT_FOUND",
      "RATE_LIMITED",
    ],
  },
  {
    method: "GET",
    path: "/v1/links/export",
    service: { subject: "svc.links.export", msMax: bulkMsMax, stream: true },
    scope: reading,
    tag: "Links",
    summary: "All links as CSV",
    description: "The newest first, with the filters of the list. Passwords are not part of it.",
    parameters: inQuery(LinkListParameters, ["limit", "cursor"]),
    success: { status: 200, description: "The links.", content: "text/csv", schema: Type.String() },
    errors: ["INVALID_PARAMETER", "RATE_LIMITED"],
  },
  {
    method: "GET",
    path: "/v1/links",
    service: { subject: "svc.links.list", msMax: adminMsMax },
    scope: reading,
    tag: "Links",
    summary: "List links, page by page",
    parameters: inQuery(LinkListParameters),
    success: { status: 200, description: "A page.", content: json, schema: LinkPage },
    errors: ["INVALID_PARAMETER", "RATE_LIMITED"],
  },
  {
    method: "GET",
    path: "/v1/links/{code}",
    service: { subject: "svc.links.get", msMax: adminMsMax },
    scope: reading,
    tag: "Links",
    summary: "A link",
    parameters: [code, domain],
    success: { status: 200, description: "The link.", content: json, schema: Link },
    errors: ["LINK_NOT_FOUND", "INVALID_PARAMETER", "RATE_LIMITED"],
  },
  {
    method: "PATCH",
    path: "/v1/links/{code}",
    service: { subject: "svc.links.update", msMax: adminMsMax },
    scope: writing,
    tag: "Links",
    summary: "Change a link",
    description:
      "What is not named stays; null takes it away. Every edge follows the change within a second.",
    parameters: [code, domain],
    body: { [json]: LinkChanges },
    success: { status: 200, description: "The link as it is now.", content: json, schema: Link },
    audit: { ...auditOfLink, parameters: ["domain"] },
    errors: [...bodyErrors, ...linkErrors, "LINK_NOT_FOUND", "INVALID_PARAMETER"],
  },
  {
    method: "DELETE",
    path: "/v1/links/{code}",
    service: { subject: "svc.links.delete", msMax: adminMsMax },
    scope: writing,
    tag: "Links",
    summary: "Delete a link",
    description: "Its address is free again. Its clicks stay events.",
    parameters: [code, domain],
    success: { status: 200, description: "It is gone.", content: json, schema: anyObject },
    audit: { ...auditOfLink, parameters: ["domain"] },
    errors: ["LINK_NOT_FOUND", "INVALID_PARAMETER", "RATE_LIMITED"],
  },
  {
    method: "GET",
    path: "/v1/links/{code}/history",
    service: { subject: "svc.links.history", msMax: adminMsMax },
    scope: reading,
    tag: "Links",
    summary: "Changes of a link",
    parameters: [code, domain],
    success: { status: 200, description: "The changes.", content: json, schema: LinkHistory },
    errors: ["LINK_NOT_FOUND", "INVALID_PARAMETER", "RATE_LIMITED"],
  },
  qr("svg", "image/svg+xml"),
  qr("png", "image/png"),
];
