// Links as the API takes and shows them.
import { Type, type Static, type TSchema } from "@sinclair/typebox";
import { campaignFields } from "./add-campaign.ts";
import { targetBytesMax } from "./check-target.ts";

export const linkLimits = {
  tagsMax: 50,
  bulkMax: 1_000,
  bulkBodyBytesMax: 4 * 1024 * 1024,
  importRowsMax: 20_000,
  pageDefault: 50,
  pageMax: 500,
  changesShown: 200,
  maxClicksMax: 1_000_000_000,
  idempotencyKeyLengthMax: 255,
} as const;

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Url = Type.String({
  minLength: 1,
  maxLength: targetBytesMax,
  description: "http or https; kept byte for byte.",
});
const Tag = Type.String({ minLength: 1, maxLength: 50 });
const campaignValue = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }));

export const LinkCampaign = Type.Object(
  Object.fromEntries(campaignFields.map((field) => [field, campaignValue])) as Record<
    (typeof campaignFields)[number],
    typeof campaignValue
  >,
  { additionalProperties: false, $id: "LinkCampaign" },
);

/** What can be changed later. */
const changeable = {
  url: Url,
  redirect: Type.Union([Type.Literal(301), Type.Literal(302), Type.Literal(307), Type.Literal(308)], {
    description: "Status of the redirect; default 302.",
  }),
  forward_query: Type.Boolean({
    description: "The query string of a visit goes on to the target; default false.",
  }),
  expires_at: orNull(
    Type.Union([Type.String({ maxLength: 64 }), Type.Integer()], {
      description: "ISO 8601 with zone, or epoch milliseconds.",
    }),
  ),
  expired_url: orNull(Url),
  max_clicks: orNull(
    Type.Integer({
      minimum: 1,
      maximum: linkLimits.maxClicksMax,
      description: "Redirects until the link is used up.",
    }),
  ),
  password: orNull(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Asked for before the redirect; only a slow hash is kept.",
    }),
  ),
  tags: Type.Array(Tag, { maxItems: linkLimits.tagsMax, uniqueItems: true }),
  utm: orNull(LinkCampaign),
  title: orNull(Type.String({ minLength: 1, maxLength: 500 })),
  external_id: orNull(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Your own id; each at most once in a project.",
    }),
  ),
};

export const NewLink = Type.Object(
  {
    ...Type.Partial(Type.Object(changeable)).properties,
    url: Url,
    alias: Type.Optional(
      Type.String({ maxLength: 1_000, description: "Instead of a drawn code: A-Z a-z 0-9 _ -, 1 to 100." }),
    ),
    domain: Type.Optional(
      Type.String({
        maxLength: 253,
        description: "A domain of yours that leads to this server; default: the server's own address.",
      }),
    ),
  },
  { additionalProperties: false, $id: "NewLink" },
);
export type NewLink = Static<typeof NewLink>;

export const LinkChanges = Type.Partial(Type.Object(changeable), {
  additionalProperties: false,
  minProperties: 1,
  $id: "LinkChanges",
});
export type LinkChanges = Static<typeof LinkChanges>;

export const Link = Type.Object(
  {
    id: Type.String(),
    code: Type.String(),
    domain: Type.String({ description: "Empty: the server's own address." }),
    short_url: Type.String(),
    url: Type.String(),
    redirect: Type.Integer(),
    forward_query: Type.Boolean(),
    expires_at: orNull(Type.String()),
    expired_url: orNull(Type.String()),
    max_clicks: orNull(Type.Integer()),
    has_password: Type.Boolean(),
    tags: Type.Array(Type.String()),
    utm: orNull(LinkCampaign),
    title: orNull(Type.String()),
    external_id: orNull(Type.String()),
    clicks: Type.Integer({ description: "By people, as far as stored." }),
    last_clicked_at: orNull(Type.String()),
    created_at: Type.String(),
    updated_at: Type.String(),
  },
  { $id: "Link" },
);
export type Link = Static<typeof Link>;

export const LinkBulk = Type.Object(
  {
    links: Type.Array(Type.Unknown(), {
      minItems: 1,
      maxItems: linkLimits.bulkMax,
      description: "Each as for one link.",
    }),
  },
  { additionalProperties: false, $id: "LinkBulk" },
);

const ItemError = Type.Object({
  code: Type.String(),
  message: Type.String(),
  details: Type.Array(Type.Unknown()),
});
export const LinkBulkResult = Type.Object(
  {
    created: Type.Integer(),
    failed: Type.Integer(),
    results: Type.Array(Type.Union([Type.Object({ link: Link }), Type.Object({ error: ItemError })]), {
      description: "In the order of the request.",
    }),
  },
  { $id: "LinkBulkResult" },
);
export type LinkBulkResult = Static<typeof LinkBulkResult>;

export const LinkImportResult = Type.Object(
  {
    created: Type.Integer(),
    failed: Type.Integer(),
    errors: Type.Array(Type.Object({ line: Type.Integer(), code: Type.String(), message: Type.String() }), {
      description: "The first 100.",
    }),
  },
  { $id: "LinkImportResult" },
);
export type LinkImportResult = Static<typeof LinkImportResult>;

export const LinkListParameters = Type.Object(
  {
    search: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: "Part of the code, the URL or the title." }),
    ),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 50, description: "Links with this tag." })),
    domain: Type.Optional(
      Type.String({
        maxLength: 253,
        description: "Links of this domain; empty: of the server's own address.",
      }),
    ),
    external_id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: "The link with this id of yours." }),
    ),
    limit: Type.Optional(
      Type.String({
        pattern: "^\\d{1,4}$",
        description: `1 to ${linkLimits.pageMax}; default ${linkLimits.pageDefault}.`,
      }),
    ),
    cursor: Type.Optional(Type.String({ maxLength: 100, description: "`next_cursor` of the page before." })),
  },
  { additionalProperties: false, $id: "LinkListParameters" },
);
export type LinkListParameters = Static<typeof LinkListParameters>;

export const LinkPage = Type.Object(
  { links: Type.Array(Link, { description: "The newest first." }), next_cursor: orNull(Type.String()) },
  { $id: "LinkPage" },
);

export const LinkHistory = Type.Object(
  {
    changes: Type.Array(
      Type.Object({
        changed_at: Type.String(),
        request_id: Type.String(),
        changes: Type.Record(Type.String(), Type.Object({ before: Type.Unknown(), after: Type.Unknown() })),
      }),
      { description: `The newest ${linkLimits.changesShown}, newest first.` },
    ),
  },
  { $id: "LinkHistory" },
);
