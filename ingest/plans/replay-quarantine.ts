// POST /v1/quarantine/replay: events that were kept aside come in again, changed or not, through the same checks as any
// other, under the ids they had: whatever is repeated, or breaks off half-way, they count once.
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import { findOperation } from "#schemas/operations/operations.ts";
import { compileBody } from "#schemas/operations/read-body.ts";
import { quarantineLimits, QuarantineReplay, type QuarantinedPayloads } from "#schemas/plans/quarantine.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { isReservedEvent } from "#schemas/reserved-events.ts";
import { callService } from "#streams/call-service.ts";
import type { KeyCache } from "../access/key-cache.ts";
import { createAuthorizeOperation } from "../access/authorize-operation.ts";
import type { Access } from "../access/start-access.ts";
import type { Delivery, Intake } from "../events/intake.ts";
import type { Exchange } from "../server/exchange.ts";
import type { Handler } from "../server.ts";

const bodyLimits = { bytesMax: 4 * 1024 * 1024, deadlineMs: 30_000, keep: true } as const;
const askMsMax = 30_000;
const operation = findOperation("POST", "/v1/quarantine/replay");
const readReplay = compileBody(QuarantineReplay);

type Json = Record<string, unknown>;

interface Refused {
  readonly event_id: string;
  readonly code: string;
  readonly message: string;
}

export interface ReplayOptions {
  readonly connection: NatsConnection;
  readonly keys: KeyCache;
  readonly access: Pick<Access, "audit" | "clientAddress">;
  readonly intake: Intake;
}

export function createReplayQuarantine(options: ReplayOptions): Handler {
  const { audit, clientAddress } = options.access;
  const authorize = createAuthorizeOperation({ keys: options.keys, audit }, operation);
  return async (exchange, head) => {
    const { requestId } = exchange;
    const request = { parameters: {}, address: clientAddress(head, exchange.remoteAddress), requestId };
    const authorized = authorize(head, request);
    const body = new Promise<Buffer>((resolve) => exchange.readBody(bodyLimits, resolve));
    const key = await authorized;
    const payload = await body;
    if (payload.length === 0) throw new MillraceError("EMPTY_BODY");
    const meant = readReplay(payload);
    const answer = await audit.record({ ...request, key, operation }, async () =>
      Buffer.from(JSON.stringify(await replay(options, key, meant, exchange))),
    );
    exchange.answer(200, answer);
  };
}

async function replay(
  options: ReplayOptions,
  key: ResolvedKey,
  { patch, ...meant }: QuarantineReplay,
  exchange: Exchange,
): Promise<{ replayed: number; rejected: readonly Refused[]; left: boolean }> {
  let replayed = 0;
  const rejected: Refused[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null && replayed + rejected.length < quarantineLimits.replayMax && !exchange.done) {
    const page = await ask<QuarantinedPayloads>(
      options,
      "svc.query.quarantined_payloads",
      { ...meant, cursor },
      key,
      exchange.requestId,
    );
    const done = await replayPage(options, key, page, patch);
    replayed += done.replayed.length;
    rejected.push(...done.rejected);
    // Only now: what was not confirmed is still there for the next try.
    for (const [outcome, ids] of [
      ["replayed", done.replayed],
      ["stored", page.stored],
    ] as const) {
      const closing = { ids, outcome, asOf: page.asOf };
      await ask(options, "svc.plans.close_quarantined", closing, key, exchange.requestId);
    }
    cursor = page.next;
  }
  return { replayed, rejected, left: cursor !== null };
}

async function ask<T>(
  { connection }: ReplayOptions,
  subject: `svc.${string}`,
  payload: object,
  key: ResolvedKey,
  requestId: string,
): Promise<T> {
  const answer = await callService(connection, subject, payload, {
    requestId,
    projectId: key.projectId,
    timeoutMs: askMsMax,
  });
  return answer as T;
}

/** Resolves once the log holds what may come in. */
async function replayPage(
  { intake }: ReplayOptions,
  key: ResolvedKey,
  page: QuarantinedPayloads,
  patch: object | undefined,
): Promise<{ replayed: string[]; rejected: Refused[] }> {
  const ids = page.payloads.map((payload) => String(payload["event_id"]));
  if (ids.length === 0) return { replayed: [], rejected: [] };
  const events = page.payloads.map((payload) => merge(toSent(payload), patch));
  // What was kept aside had come in under this name; a patch makes nothing into what only we make.
  const madeHere = new Set(
    page.payloads.flatMap(({ event }, index) =>
      isReservedEvent(String(event)) && event === (events[index] as Json)["event"] ? [index] : [],
    ),
  );
  const bytes = Buffer.byteLength(JSON.stringify(events));
  const refusal = intake.refusal(bytes) ?? (await intake.admit(key, events.length, bytes));
  if (refusal !== undefined) throw refusal;
  const delivery = await new Promise<Delivery>((resolve) => {
    intake.publish(
      key,
      { events, sentAtMs: Number.NaN, madeHere },
      bytes,
      { userAgent: "", place: undefined },
      resolve,
    );
  });
  if (delivery.failure !== undefined) throw delivery.failure;
  const refused = new Map(delivery.rejected.map((each) => [each.index, each]));
  return {
    replayed: ids.filter((_id, index) => !refused.has(index)),
    rejected: [...refused].map(([index, { code, message }]) => ({
      event_id: ids[index] as string,
      code,
      message,
    })),
  };
}

/** An event of the log as its sender would send it. */
function toSent(payload: Json): Json {
  const context = parseMember(payload["context"]);
  const userAgent = payload["user_agent"];
  const sent: Json = {
    event: payload["event"],
    event_id: payload["event_id"],
    timestamp: payload["timestamp"],
    properties: parseMember(payload["properties"]),
    context:
      typeof userAgent === "string" && userAgent !== ""
        ? { user_agent: userAgent, ...(context as object) }
        : context,
  };
  for (const name of ["user_id", "anonymous_id", "session_id"]) {
    if (payload[name] !== "") sent[name] = payload[name];
  }
  return sent;
}

/** What is no JSON is refused again, with its code. */
function parseMember(text: unknown): unknown {
  try {
    return JSON.parse(String(text)) as unknown;
  } catch {
    return text;
  }
}

/** As RFC 7396 says: members of objects are merged, null removes, anything else replaces. */
function merge(target: unknown, patch: unknown): unknown {
  if (patch === undefined) return target;
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === "object" && target !== null && !Array.isArray(target);
  const merged = new Map<string, unknown>(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, merge(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}
