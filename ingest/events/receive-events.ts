// POST /v1/events: the hot path of the edge. Answers when the log holds every accepted event of the request.
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { authorize } from "../access/authorize.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import { Decompressor, parseEncoding, type Encoding } from "./decompress.ts";
import type { Delivery, Intake } from "./intake.ts";
import type { Origin, ReadOrigin } from "./origin.ts";
import { parseBody, type BodyFormat } from "./parse-body.ts";
import { buildAnswer } from "./verdicts.ts";

export interface ReceiveEventsOptions {
  readonly keys: KeyCache;
  readonly intake: Intake;
  readonly originOf: ReadOrigin;
  readonly log: Logger;
  readonly bodyBytesMax: number;
  readonly eventsPerRequestMax: number;
  readonly bodyDeadlineMs: number;
}

function parseFormat(contentType: string): BodyFormat {
  if (contentType === "application/json" || contentType === "") return "json";
  const type = (contentType.split(";")[0] as string).trim().toLowerCase();
  if (type === "application/x-ndjson" || type === "application/ndjson" || type === "application/jsonl") {
    return "ndjson";
  }
  // Pages send text/plain to spare the preflight; anything else that claims no other format is read as JSON.
  if (type === "text/plain" || type.endsWith("json") || type === "application/x-www-form-urlencoded") {
    return "json";
  }
  throw new MillraceError("UNSUPPORTED_MEDIA_TYPE", {
    message: "The content type must be application/json or application/x-ndjson.",
  });
}

function answer(exchange: Exchange, delivery: Delivery): void {
  if (delivery.failure !== undefined) {
    exchange.fail(delivery.failure);
    return;
  }
  const { status, body } = buildAnswer(delivery.accepted, delivery.rejected, exchange.requestId);
  exchange.answer(status, body);
}

export function createReceiveEvents(options: ReceiveEventsOptions) {
  const { keys, intake } = options;
  const bodyLimits = { bytesMax: options.bodyBytesMax, deadlineMs: options.bodyDeadlineMs, keep: false };
  const keptBodyLimits = { ...bodyLimits, keep: true };
  const decompressor = new Decompressor(options.bodyBytesMax);

  /** The body is whole and the sender known. */
  function receive(
    exchange: Exchange,
    key: ResolvedKey,
    body: Buffer,
    format: BodyFormat,
    origin: Origin,
  ): void | Promise<void> {
    const sent = parseBody(body, format, options.eventsPerRequestMax);
    const bytes = body.length;
    const proceed = (refusal: MillraceError | undefined): void => {
      if (refusal !== undefined) exchange.fail(refusal);
      else intake.publish(key, sent, bytes, origin, (delivery) => answer(exchange, delivery));
    };
    const admitted = intake.admit(key, sent.events.length, bytes);
    return admitted instanceof Promise ? admitted.then(proceed) : proceed(admitted);
  }

  return function receiveEvents(exchange: Exchange, head: RequestHead): void | Promise<void> {
    const contentLength = Number(head.header("content-length")) || 0;
    if (contentLength > options.bodyBytesMax) throw new MillraceError("BODY_TOO_LARGE");
    const refusal = intake.refusal(contentLength);
    if (refusal !== undefined) throw refusal;
    const format = parseFormat(head.header("content-type"));
    const encoding = parseEncoding(head.header("content-encoding"));
    const origin = options.originOf(head, exchange.remoteAddress);
    const key = authorize(keys, head, "write");
    if (!(key instanceof Promise)) {
      const limited = intake.limited(key);
      if (limited !== undefined) throw limited;
      if (encoding === undefined) {
        receiveNow(exchange, key, format, origin);
        return undefined;
      }
    }
    return receiveLater(exchange, key, format, encoding, origin);
  };

  function failed(exchange: Exchange, error: unknown): void {
    if (!(error instanceof MillraceError)) {
      options.log.error({ err: error, requestId: exchange.requestId }, "events could not be received");
    }
    exchange.fail(error instanceof MillraceError ? error : new MillraceError("INTERNAL", { cause: error }));
  }

  /** The usual case, without a promise: plain body, key in the cache. */
  function receiveNow(exchange: Exchange, key: ResolvedKey, format: BodyFormat, origin: Origin): void {
    exchange.readBody(bodyLimits, (body) => {
      try {
        const later = receive(exchange, key, body, format, origin);
        if (later !== undefined) later.catch((error: unknown) => failed(exchange, error));
      } catch (error) {
        failed(exchange, error);
      }
    });
  }

  async function receiveLater(
    exchange: Exchange,
    key: ResolvedKey | Promise<ResolvedKey>,
    format: BodyFormat,
    encoding: Encoding | undefined,
    origin: Origin,
  ): Promise<void> {
    const body = new Promise<Buffer>((resolve) => {
      exchange.readBody(keptBodyLimits, resolve);
    });
    const resolved = await key;
    const received = await body;
    const plain = encoding === undefined ? received : await decompressor.decompress(received, encoding);
    if (exchange.done) return;
    await receive(exchange, resolved, plain, format, origin);
  }
}
