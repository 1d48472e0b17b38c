// The addresses that PostHog's clients call. Its browser client takes exactly 200 for success, sends again after any
// status but 4xx, and drops what a 429 refuses; the others wait after a 429. There are no feature flags, recordings or
// surveys here, and clients are told so.
import { errorCatalogue, MillraceError } from "#schemas/errors.ts";
import { resolveKey } from "../access/authorize.ts";
import type { KeyCache } from "../access/key-cache.ts";
import { buildAnswer, type Rejection } from "../events/verdicts.ts";
import type { Handler } from "../server.ts";
import { parsePostHog } from "./posthog.ts";
import type { SdkFormat, SdkHead, SdkReceiver } from "./receive-requests.ts";
import { firstText, idText, membersOf } from "./wire-values.ts";

const captured = JSON.stringify({ status: 1 });

/** Paths of operations that take events, with the event of those that name none. */
const capturePaths: readonly { path: string; nameDefault?: string }[] = [
  { path: "/batch/" },
  { path: "/capture/" },
  { path: "/e/" },
  { path: "/i/v0/e/" },
  { path: "/track/" },
  { path: "/engage/", nameDefault: "$identify" },
];

/** `METHOD path` of the operation ▸ its handler. */
export function createPostHogHandlers(receiver: SdkReceiver, keys: KeyCache): Record<string, Handler> {
  const handlers: Record<string, Handler> = {
    "POST /i/v1/analytics/events": receiver.receive("POST", v1Format),
    "POST /s/": ignoreRecording,
    "GET /flags/definitions": createDefinitions(keys),
    "GET /array/{token}/config": createConfig(keys, "json"),
    "GET /array/{token}/config.js": createConfig(keys, "script"),
  };
  for (const { path, nameDefault } of capturePaths) {
    const format = createFormat(nameDefault);
    for (const method of ["GET", "POST"] as const) {
      handlers[`${method} ${path}`] = receiver.receive(method, format);
    }
  }
  for (const path of ["/flags/", "/decide/"]) {
    handlers[`POST ${path}`] = receiver.answer("POST", answerFlags);
    handlers[`GET ${path}`] = receiver.answer("GET", answerFlags);
  }
  return handlers;
}

function createFormat(nameDefault: string | undefined): SdkFormat {
  return {
    parse(body, head, form) {
      const { token, events } = parsePostHog(body, {
        nowMs: Date.now(),
        sentAt: sentAtOf(form.get("sent_at") ?? head.query.get("sent_at") ?? head.query.get("_")),
        nameDefault,
        sdk: "",
      });
      return { key: token || tokenOf(head), events };
    },
    answer(exchange, { accepted, rejected }, { head }) {
      if (accepted === 0 && rejected.length > 0) {
        const { status, body } = buildAnswer(accepted, rejected, exchange.requestId);
        exchange.answer(status, body);
      } else if (head.query.get("beacon") === "1") exchange.answerEmpty(204, []);
      else {
        exchange.answer(
          200,
          rejected.length === 0 ? captured : JSON.stringify({ status: 1, accepted, rejected }),
        );
      }
    },
    refuse: refuseToBrowsers,
  };
}

/** A browser's 429 would be the end of its events. */
function refuseToBrowsers(error: MillraceError, head: SdkHead): MillraceError {
  if (error.status !== 429 || head.origin === "") return error;
  return new MillraceError("BEHIND", {
    message: error.message,
    details: [{ code: error.code }],
    retryAfterSeconds: error.retryAfterSeconds ?? 1,
    cause: error,
  });
}

/** Epoch milliseconds as a text, or an ISO time. */
function sentAtOf(text: string | null): unknown {
  return text !== null && /^\d+$/.test(text) ? Number(text) : text;
}

function tokenOf(head: SdkHead): string {
  return head.query.get("api_key") ?? head.query.get("token") ?? head.headerKey;
}

/** The newer format: the key is the header's, and every event gets its verdict under its uuid. */
const v1Format: SdkFormat = {
  parse(body, head) {
    const { token, events } = parsePostHog(body, {
      nowMs: Date.now(),
      sentAt: head.sentAt || membersOf(body)["created_at"],
      nameDefault: undefined,
      sdk: head.sdk,
    });
    return { key: head.headerKey || token, events };
  },
  answer(exchange, { rejected }, { events }) {
    const refused = new Map<number, Rejection>(rejected.map((each) => [each.index, each]));
    const results: [string, object][] = [];
    for (const [index, event] of events.entries()) {
      const uuid = membersOf(event)["event_id"];
      if (typeof uuid === "string") results.push([uuid, verdictOf(refused.get(index))]);
    }
    exchange.answer(200, JSON.stringify({ results: Object.fromEntries(results) }));
  },
  refuse: refuseToBrowsers,
};

function verdictOf(rejection: Rejection | undefined): object {
  if (rejection === undefined) return { result: "ok" };
  return { result: "drop", details: `${rejection.code}: ${errorCatalogue[rejection.code].message}` };
}

function answerFlags(value: unknown, head: SdkHead): { key: string; body: string } {
  const request = membersOf(value);
  const token =
    firstText(
      request["token"],
      request["api_key"],
      request["$token"],
      membersOf(request["properties"])["token"],
    ) ?? tokenOf(head);
  const body = JSON.stringify({
    ...remoteConfig,
    config: { enable_collect_everything: true },
    toolbarParams: {},
    isAuthenticated: false,
    flags: {},
    featureFlags: {},
    featureFlagPayloads: {},
    errorsWhileComputingFlags: false,
    requestId: idText(request["$request_id"]) ?? crypto.randomUUID(),
  });
  return { key: token, body };
}

/** What a page asks for first. What its own code switches on or off (autocapture) stays its decision. */
const remoteConfig = {
  supportedCompression: ["gzip", "gzip-js"],
  hasFeatureFlags: false,
  autocapture_opt_out: false,
  autocaptureExceptions: false,
  captureDeadClicks: false,
  capturePerformance: false,
  sessionRecording: false,
  heatmaps: false,
  surveys: false,
  siteApps: [],
  editorParams: {},
};

function createConfig(keys: KeyCache, form: "json" | "script"): Handler {
  return async (exchange, head) => {
    const token = head.parameter(0);
    await resolveKey(keys, token, ["write"]);
    const caching = [["Cache-Control", "private, max-age=60"]] as const;
    if (form === "json") {
      exchange.answer(200, JSON.stringify({ token, ...remoteConfig }), caching);
      return;
    }
    // A key of the page's choice within a script: nothing that ends the script may come out of it.
    const quoted = JSON.stringify(token).replace(/[<\u2028\u2029]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
    const script =
      "(function(){window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{};" +
      `window._POSTHOG_REMOTE_CONFIG[${quoted}]={config:${JSON.stringify(remoteConfig)},siteApps:[]};})();`;
    exchange.answer(200, script, caching, "application/javascript");
  };
}

/** For servers that decide about flags by themselves; without an answer they ask again and again. */
function createDefinitions(keys: KeyCache): Handler {
  const none = JSON.stringify({ flags: [], group_type_mapping: {}, cohorts: {} });
  return async (exchange, head) => {
    await resolveKey(keys, new URLSearchParams(head.query()).get("token") ?? "", ["write"]);
    exchange.answer(200, none);
  };
}

/** Clients that record although they were told not to are content, and nothing is kept. */
const ignoreRecording: Handler = (exchange) => {
  exchange.answer(200, captured);
};
