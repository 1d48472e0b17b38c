// Operations that a service answers: the request's body or parameters go out as they are, the answer's bytes come back.
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import { scopesOf, type AnsweringService, type Operation } from "#schemas/operations/operation.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { callServiceRaw, callStream, type CallOptions } from "#streams/call-service.ts";
import { isAudited, type AuditTrail } from "../access/audit-trail.ts";
import { createAuthorizeOperation } from "../access/authorize-operation.ts";
import type { ClientAddress } from "../access/client-address.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { RequestWindows } from "../access/request-windows.ts";
import type { UseReporter } from "../access/use-reporter.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import type { Handler } from "../server.ts";

export interface ServiceAccess {
  readonly connection: NatsConnection;
  readonly keys: KeyCache;
  readonly clientAddress: ClientAddress;
  readonly audit: AuditTrail;
  readonly use: Pick<UseReporter, "query">;
  readonly linkRequests: RequestWindows;
}

const bodyBytesMaxDefault = 256 * 1024;
const bodyMsMax = 15_000;
/** Longer headers are cut before they go to a service. */
const headerLengthMax = 1_000;
/** Parameters travel in a header of the log's protocol. */
const parametersLengthMax = 32_000;

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function createPassToService(
  access: ServiceAccess,
  operation: Operation,
  service: AnsweringService,
): Handler {
  const prepare = createPrepare(access, operation, service);
  return async (exchange, head) => {
    const leaving = new AbortController();
    exchange.onLeft(() => leaving.abort());
    const { key, audited, address, payload, options } = await prepare(exchange, head);
    if (exchange.done) return;
    const ask = (call: CallOptions): Promise<Uint8Array> =>
      callServiceRaw(access.connection, service.subject, payload, call);
    const { requestId } = exchange;
    // What is written down has a result, also when nobody waits for the answer any more.
    const answer = isAudited(operation, key)
      ? await access.audit.record({ key, operation, parameters: audited, address, requestId }, () =>
          ask(options),
        )
      : await ask({ ...options, signal: leaving.signal });
    exchange.answer(operation.success.status, answer);
  };
}

/** A streamed answer: the service sends as fast as the client reads, and stops when the client leaves. */
export function createStreamFromService(
  access: ServiceAccess,
  operation: Operation,
  service: AnsweringService,
): Handler {
  const prepare = createPrepare(access, operation, service);
  return async (exchange, head) => {
    const leaving = new AbortController();
    exchange.onLeft(() => leaving.abort());
    const { payload, options } = await prepare(exchange, head);
    if (exchange.done) return;
    let started = 0;
    try {
      await callStream(access.connection, service.subject, payload, options, {
        onStart(meta) {
          started = meta.status;
          exchange.startStream(meta.status, Object.entries(meta.headers));
        },
        onChunk: (bytes) => exchange.write(bytes),
        signal: leaving.signal,
      });
      exchange.endStream(started);
    } catch (error) {
      if (started === 0) throw error;
      exchange.breakStream(started);
    }
  };
}

interface Prepared {
  /** The body of an operation that takes one, else the parameters. */
  readonly payload: Uint8Array | object;
  readonly options: CallOptions;
  readonly key: ResolvedKey;
  /** What stood in the braces of the path, and what else of the address the audit log keeps. */
  readonly audited: Readonly<Record<string, string>>;
  /** Where the request comes from. */
  readonly address: string;
}

/** Reads everything that the service needs; parameters of an operation with a body go beside it. */
function createPrepare(
  access: ServiceAccess,
  operation: Operation,
  service: AnsweringService,
): (exchange: Exchange, head: RequestHead) => Promise<Prepared> {
  const scopes = scopesOf(operation.scope);
  if (scopes.length === 0) throw new Error(`${operation.path} is answered by a service and needs a key`);
  const authorize = createAuthorizeOperation(access, operation);
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const limits = {
    bytesMax: service.bodyBytesMax ?? bodyBytesMaxDefault,
    deadlineMs: bodyMsMax,
    keep: true,
  };
  const accepted = Object.keys(operation.body ?? {});
  const isAboutLinks = operation.path.startsWith("/v1/links");
  const isQuery = service.subject.startsWith("svc.query.");
  return async (exchange, head) => {
    // Everything of the head is read before the first await.
    const parameters = readParameters(head, names, accepted.length > 1, service.stream === true);
    for (const header of service.headers ?? []) {
      parameters[header.replaceAll("-", "_")] = head.header(header).slice(0, headerLengthMax);
    }
    const audited = Object.fromEntries(
      [...names, ...(operation.audit?.parameters ?? []).filter((name) => name in parameters)].map((name) => [
        name,
        String(parameters[name]),
      ]),
    );
    const address = access.clientAddress(head, exchange.remoteAddress);
    const traceparent = head.header("traceparent");
    const limited = isAboutLinks ? access.linkRequests.take(address) : undefined;
    const { requestId } = exchange;
    const authorized = authorize(head, { parameters: audited, address, requestId });
    const body =
      operation.body === undefined
        ? undefined
        : new Promise<Buffer>((resolve) => {
            exchange.readBody(limits, resolve);
          });
    const [key, refusal] = await Promise.all([authorized, limited]);
    if (refusal !== undefined) throw refusal;
    if (isQuery) access.use.query(key.projectId);
    const payload = (await body) ?? parameters;
    if (payload instanceof Uint8Array && payload.length === 0) throw new MillraceError("EMPTY_BODY");
    return {
      key,
      audited,
      address,
      payload,
      options: {
        requestId,
        projectId: key.projectId,
        scope: key.scopes.join(","),
        traceparent: traceparentPattern.test(traceparent) ? traceparent : undefined,
        timeoutMs: service.msMax,
        ...(body === undefined ? {} : { parameters }),
      },
    };
  };
}

/** Parameters of the path and of the query string; a name given more than once becomes a list. */
function readParameters(
  head: RequestHead,
  names: readonly string[],
  withContentType: boolean,
  withEncoding: boolean,
): Record<string, string | string[]> {
  const query = head.query();
  if (query.length > parametersLengthMax) {
    throw new MillraceError("INVALID_PARAMETER", {
      message: `The query string is longer than ${parametersLengthMax} characters.`,
    });
  }
  const given = new URLSearchParams(query);
  const parameters: Record<string, string | string[]> = {};
  for (const name of new Set(given.keys())) {
    const values = given.getAll(name);
    parameters[name] = values.length === 1 ? (values[0] as string) : values;
  }
  names.forEach((name, index) => (parameters[name] = head.parameter(index)));
  if (withContentType) parameters["content_type"] = head.header("content-type").slice(0, headerLengthMax);
  if (withEncoding) parameters["accept_encoding"] = head.header("accept-encoding").slice(0, headerLengthMax);
  return parameters;
}
