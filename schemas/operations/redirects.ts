// What visitors of short links ask for. The edge answers it by itself, after all other addresses.
import { Type } from "@sinclair/typebox";
import { inPath, json, type Operation } from "./operation.ts";

const code = inPath("code", "Code or alias of the link; a trailing `+` shows where it leads.");

const UnlockRequest = Type.Object(
  { password: Type.String({ minLength: 1, maxLength: 1_000, description: "The link's password." }) },
  { $id: "UnlockRequest" },
);

export const redirectsOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/{code}",
    cors: "any",
    scope: null,
    tag: "Links",
    summary: "Follow a short link",
    description:
      "Redirects with the status the link was made with (302 by default), and counts a click. HEAD answers the same " +
      "without being a click. The `Host` header tells the domain. `Location` is the link's target byte for byte; with " +
      "`forward_query` the query string of the visit stands behind the target's own. Browsers get pages where " +
      "programs get JSON, by their `Accept` header. A link that is protected by a password answers 401 with a form; " +
      "one that has expired or was used up answers 410, or leads to its `expired_url`.",
    parameters: [code],
    success: { status: 302, description: "To the link's target.", content: "text/html" },
    errors: [
      "LINK_NOT_FOUND",
      "LINK_EXPIRED",
      "LINK_PASSWORD_REQUIRED",
      "RATE_LIMITED",
      "SERVICE_UNAVAILABLE",
    ],
  },
  {
    method: "POST",
    path: "/{code}",
    cors: "any",
    scope: null,
    tag: "Links",
    summary: "Open a protected short link",
    description: "Redirects with 303 when the password is right. Tries are limited.",
    parameters: [code],
    body: { "application/x-www-form-urlencoded": UnlockRequest, [json]: UnlockRequest },
    success: { status: 303, description: "To the link's target.", content: "text/html" },
    errors: [
      "LINK_NOT_FOUND",
      "LINK_EXPIRED",
      "LINK_PASSWORD_REQUIRED",
      "LINK_PASSWORD_WRONG",
      "MALFORMED_JSON",
      "RATE_LIMITED",
      "SERVICE_UNAVAILABLE",
    ],
  },
];
