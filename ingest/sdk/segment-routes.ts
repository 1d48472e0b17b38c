// The addresses that Segment's clients call. They read the status alone: any 2xx is delivered, 429 with Retry-After
// makes them wait without using up their retries, and other refusals drop the events. So whatever passes is a 429.
import { MillraceError } from "#schemas/errors.ts";
import { resolveKey } from "../access/authorize.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { Handler } from "../server.ts";
import type { SdkFormat, SdkReceiver } from "./receive-requests.ts";
import { parseSegment, segmentTypes, type SegmentType } from "./segment.ts";

/** `METHOD path` of the operation ▸ its handler. */
export function createSegmentHandlers(receiver: SdkReceiver, keys: KeyCache): Record<string, Handler> {
  const handlers: Record<string, Handler> = {
    "GET /v1/projects/{write_key}/settings": createSettings(keys),
  };
  for (const type of [...segmentTypes, "batch"] as const) {
    handlers[`POST /v1/${type}`] = receiver.receive("POST", createFormat(type));
  }
  return handlers;
}

function createFormat(type: SegmentType | "batch"): SdkFormat {
  return {
    parse(body, head) {
      const { writeKey, events } = parseSegment(body, type);
      // Beside an OAuth token the key stands in the body; as Basic it is the header's.
      return { key: head.isBasic || writeKey === "" ? head.headerKey : writeKey, events };
    },
    answer(exchange, { accepted, rejected }) {
      exchange.answer(200, JSON.stringify({ success: true, accepted, rejected }));
    },
    refuse(error) {
      if (error.status !== 503) return error;
      return new MillraceError("RATE_LIMITED", {
        message: error.message,
        details: [{ code: error.code }],
        retryAfterSeconds: error.retryAfterSeconds ?? 1,
        cause: error,
      });
    },
  };
}

const hostPattern = /^[\w.\-:[\]]{1,255}$/;

/** What analytics.js loads first: it then sends to this host instead of Segment's. */
function createSettings(keys: KeyCache): Handler {
  return async (exchange, head) => {
    const host = head.header("host");
    // The edge speaks plain HTTP; a proxy before it says what the browser speaks, and a page of https can only speak that.
    const isSecure =
      head.header("x-forwarded-proto") === "https" || head.header("origin").startsWith("https://");
    const writeKey = head.parameter(0);
    await resolveKey(keys, writeKey, ["write"]);
    if (!hostPattern.test(host)) {
      throw new MillraceError("INVALID_PARAMETER", { message: "The Host header is not a host." });
    }
    const settings = buildSettings(writeKey, host, isSecure ? "https" : "http");
    exchange.answer(200, JSON.stringify(settings), [["Cache-Control", "private, max-age=60"]]);
  };
}

function buildSettings(writeKey: string, host: string, protocol: "http" | "https"): object {
  const enabled = { __default: { enabled: true, integrations: {} } };
  return {
    integrations: {
      "Segment.io": {
        apiKey: writeKey,
        apiHost: `${host}/v1`,
        protocol,
        unbundledIntegrations: [],
        addBundledMetadata: false,
        versionSettings: { version: "4.4.7", componentTypes: ["browser"] },
      },
    },
    plan: { track: enabled, identify: enabled, group: enabled },
    edgeFunction: {},
    analyticsNextEnabled: true,
    middlewareSettings: {},
    enabledMiddleware: {},
    // Without it the client reports on itself to Segment.
    metrics: { sampleRate: 0 },
    legacyVideoPluginsEnabled: false,
    remotePlugins: [],
  };
}
