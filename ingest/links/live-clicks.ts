// GET /v1/links/{code}/clicks: a link's clicks as they are stored, from the live feed.
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import { linkClickedEvent } from "#schemas/links/link-clicked.ts";
import { LinkClicksParameters } from "#schemas/links/link-clicks.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import type { LiveFilter } from "#schemas/live/live-filter.ts";
import { compileCheck } from "#schemas/query/check.ts";
import { callService } from "#streams/call-service.ts";
import { resolveKey } from "../access/authorize.ts";
import { parseKey } from "../access/credentials.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { OpenLive } from "../live/start-live.ts";
import type { Handler } from "../server.ts";

const lookupMsMax = 2_000;
/** Longer query strings are refused before they are taken apart. */
const queryLengthMax = 4_096;
const check = compileCheck(LinkClicksParameters);

export function createReceiveClicks(options: {
  connection: NatsConnection;
  keys: KeyCache;
  openLive: OpenLive;
}): Handler {
  const { connection, keys, openLive } = options;
  return async (exchange, head) => {
    // Everything of the head is read before the first await.
    const code = head.parameter(0);
    const query = head.query();
    const inHeader = parseKey(head.header("authorization"), false);
    if (query.length > queryLengthMax) throw new MillraceError("INVALID_PARAMETER");
    const given = check({ ...Object.fromEntries(new URLSearchParams(query)), code });
    const key = inHeader || (given.key ?? "");
    const { projectId } = await resolveKey(keys, key, ["read"]);
    const link = (await callService(
      connection,
      "svc.links.resolve",
      { domain: given.domain ?? "", code },
      { requestId: exchange.requestId, projectId, timeoutMs: lookupMsMax },
    )) as ResolvedLink | null;
    if (link === null || link.projectId !== projectId) throw new MillraceError("LINK_NOT_FOUND");
    openLive(exchange, { projectId, want: clicksOf(link.publicId, given.all === "true"), key });
  };
}

/** `all`: those of bots, and previews, too. */
function clicksOf(linkId: string, all: boolean): LiveFilter {
  const byPeople = ["bot", "preview"].map((property) => ({
    property,
    operator: "eq" as const,
    value: false,
  }));
  return {
    events: [linkClickedEvent],
    user: "",
    filters: [{ property: "link_id", operator: "eq", value: linkId }, ...(all ? [] : byPeople)],
  };
}
