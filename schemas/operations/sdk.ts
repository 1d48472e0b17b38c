// The addresses that clients of Segment and PostHog call, so that they work with nothing but another host.
// Formats and answers are theirs (docs/guides/sdks.md); errors are ours.
import { Type, type TSchema } from "@sinclair/typebox";
import type { ErrorCode } from "../errors.ts";
import { verdictsContract } from "./event-contracts.ts";
import { anyObject, inPath, json, type Operation } from "./operation.ts";

const bodyErrors: readonly ErrorCode[] = [
  "MALFORMED_JSON",
  "INVALID_ENCODING",
  "MALFORMED_COMPRESSION",
  "EMPTY_BODY",
  "INVALID_BODY",
  "REQUEST_TIMEOUT",
  "BODY_TOO_LARGE",
  "TOO_MANY_EVENTS",
  "UNSUPPORTED_MEDIA_TYPE",
  "RATE_LIMITED",
];

const plain = "text/plain";
const form = "application/x-www-form-urlencoded";
const text = (description: string): TSchema => Type.String({ description });

/** Path of Segment's format ▸ the short form that its browser client uses. */
const segmentPaths = [
  ["track", "t"],
  ["identify", "i"],
  ["page", "p"],
  ["screen", "s"],
  ["group", "g"],
  ["alias", "a"],
  ["batch", "b"],
] as const;

const segmentOperations = segmentPaths.map(([name, short]): Operation => {
  return {
    method: "POST",
    path: `/v1/${name}`,
    // Older libraries send their batches there.
    aliases: name === "batch" ? [`/v1/${short}`, "/v1/import"] : [`/v1/${short}`],
    cors: "mirrored",
    scope: "write",
    tag: "Ingestion",
    summary: `Segment: ${name}`,
    description:
      "The key is the user name of Basic, or `writeKey` in the body. `messageId` makes a retry safe; " +
      "`timestamp` is corrected by `sentAt`. 429 also when the log is behind.",
    body: { [json]: anyObject, [plain]: text("The same.") },
    success: {
      status: 200,
      description: "Whatever became of each message: the client reads only the status.",
      content: json,
      schema: Type.Composite([Type.Object({ success: Type.Literal(true) }), verdictsContract]),
    },
    errors: bodyErrors,
  };
});

const settings: Operation = {
  method: "GET",
  path: "/v1/projects/{write_key}/settings",
  cors: "mirrored",
  scope: "write",
  tag: "Ingestion",
  summary: "Segment: settings of the browser client",
  description:
    "Makes `AnalyticsBrowser.load({ writeKey, cdnURL })` send here. The key is the one in the address.",
  parameters: [inPath("write_key", "A write key.")],
  success: { status: 200, description: "The settings.", content: json, schema: anyObject },
  errors: ["INVALID_PARAMETER"],
};

/** Clients call with and without the last slash. */
function withoutSlash(path: string): string {
  return path.slice(0, -1);
}

const status = Type.Object({ status: Type.Literal(1) }, { additionalProperties: true });

const capturePaths = ["/batch/", "/capture/", "/e/", "/i/v0/e/", "/track/", "/engage/"] as const;

/** Where clients send events about language models. */
const otherBatchPaths = ["/i/v0/ai/batch/", "/i/v0/ai/batch"] as const;

const captureOperations = capturePaths.flatMap((path): Operation[] => {
  const shared = {
    path,
    aliases: path === "/batch/" ? ["/batch", ...otherBatchPaths] : [withoutSlash(path)],
    cors: "mirrored",
    scope: "write",
    tag: "Ingestion",
    success: {
      status: 200,
      description: "In the log, except what `rejected` names; 204 for `beacon=1`.",
      content: json,
      schema: status,
    },
    errors: [...bodyErrors, "NO_EVENT_ACCEPTED", "BEHIND"],
  } as const;
  return [
    {
      ...shared,
      method: "POST",
      summary: `PostHog: events at ${path}`,
      description:
        'An event, an array of events, or `{"api_key":…,"batch":[…]}`; gzip with or without a header, base64, ' +
        "lz-string, or a form with `data`. The key is the token in the body. `uuid` makes a retry safe; `timestamp` " +
        "is corrected by `sent_at`. Pages get 503 where others get 429.",
      body: { [json]: anyObject, [plain]: text("The same, gzip or base64."), [form]: text("`data=…`") },
    },
    {
      ...shared,
      method: "GET",
      summary: `PostHog: events at ${path} in the address`,
      parameters: [
        { name: "data", in: "query", description: "JSON or base64 of it.", schema: Type.String() },
      ],
    },
  ];
});

const flagsOperations = ["/flags/", "/decide/"].flatMap((path): Operation[] => {
  const shared = {
    path,
    aliases: [withoutSlash(path)],
    cors: "mirrored",
    scope: "write",
    tag: "Ingestion",
    summary: `PostHog: feature flags at ${path}`,
    description: "There are none; clients go on with their defaults.",
    success: { status: 200, description: "No flags.", content: json, schema: anyObject },
    errors: bodyErrors,
  } as const;
  return [
    { ...shared, method: "POST", body: { [json]: anyObject } },
    { ...shared, method: "GET" },
  ];
});

const definitionsOperation: Operation = {
  method: "GET",
  path: "/flags/definitions",
  aliases: ["/flags/definitions/"],
  cors: "mirrored",
  scope: "write",
  tag: "Ingestion",
  summary: "PostHog: definitions of feature flags, for servers that evaluate them",
  description: "There are none. The key is the `token` of the address.",
  parameters: [{ name: "token", in: "query", description: "A write key.", schema: Type.String() }],
  success: { status: 200, description: "No flags.", content: json, schema: anyObject },
  errors: ["INVALID_PARAMETER"],
};

const configOperations = (["config", "config.js"] as const).map((name): Operation => {
  return {
    method: "GET",
    path: `/array/{token}/${name}`,
    cors: "mirrored",
    scope: "write",
    tag: "Ingestion",
    summary: `PostHog: remote settings of the browser client${name === "config" ? "" : " as a script"}`,
    parameters: [inPath("token", "A write key.")],
    success: {
      status: 200,
      description: "Recordings, surveys, heat maps and flags are off.",
      content: name === "config" ? json : "application/javascript",
      ...(name === "config" ? { schema: anyObject } : {}),
    },
    errors: ["INVALID_PARAMETER"],
  };
});

const otlpOperations = (
  [
    ["logs", "rejectedLogRecords"],
    ["metrics", "rejectedDataPoints"],
  ] as const
).map(([name, rejected]): Operation => {
  return {
    method: "POST",
    path: `/i/v1/${name}`,
    aliases: [`/i/v1/${name}/`],
    cors: "mirrored",
    scope: "write",
    tag: "Ingestion",
    summary: `OpenTelemetry: ${name}, which are not kept`,
    description:
      "OTLP over HTTP. Answered as the protocol says when nothing of a request is kept: success, with the number of " +
      "records that were rejected and the reason, so that exporters tell and do not repeat. The key is the Bearer token, " +
      "or `token` in the address.",
    body: {
      [json]: anyObject,
      "application/x-protobuf": text("The same in protobuf; answered in protobuf."),
    },
    success: {
      status: 200,
      description: "How many records were rejected: all of them.",
      content: json,
      schema: Type.Object({
        partialSuccess: Type.Optional(
          Type.Object({ [rejected]: Type.String(), errorMessage: Type.String() }),
        ),
      }),
    },
    errors: bodyErrors.filter((code) => code !== "TOO_MANY_EVENTS"),
  };
});

export const sdkOperations: readonly Operation[] = [
  ...segmentOperations,
  settings,
  ...captureOperations,
  {
    method: "POST",
    path: "/i/v1/analytics/events",
    aliases: ["/i/v1/analytics/events/"],
    cors: "mirrored",
    scope: "write",
    tag: "Ingestion",
    summary: "PostHog: events with a verdict each",
    description: "The newer format. The key is the Bearer token.",
    body: { [json]: anyObject },
    success: {
      status: 200,
      description: "`ok` or `drop` with the reason, under the `uuid` of each event.",
      content: json,
      schema: Type.Object({
        results: Type.Record(
          Type.String(),
          Type.Object({ result: Type.String(), details: Type.Optional(Type.String()) }),
        ),
      }),
    },
    errors: [...bodyErrors, "BEHIND"],
  },
  {
    method: "POST",
    path: "/s/",
    aliases: ["/s"],
    cors: "mirrored",
    scope: null,
    tag: "Ingestion",
    summary: "PostHog: recordings, which are not kept",
    success: { status: 200, description: "Ignored.", content: json, schema: status },
    errors: [],
  },
  ...flagsOperations,
  definitionsOperation,
  ...configOperations,
  ...otlpOperations,
];
