// GET /v1/links/{code}/clicks: what the query string may say.
import { Type } from "@sinclair/typebox";
import { oneOf } from "../query/one-of.ts";

export const LinkClicksParameters = Type.Object(
  {
    code: Type.String({ minLength: 1, maxLength: 200 }),
    domain: Type.Optional(
      Type.String({ maxLength: 253, description: "The link's domain; default: the installation's own." }),
    ),
    all: Type.Optional(oneOf(["true", "false"], "Bots and previews, too; default false: people only.")),
    key: Type.Optional(
      Type.String({
        maxLength: 512,
        description: "A read key, for clients that cannot set headers (`EventSource`).",
      }),
    ),
  },
  { additionalProperties: false, $id: "LinkClicksParameters" },
);
