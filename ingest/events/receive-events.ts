// POST /v1/events: the hot path of the edge. Answers when the log holds every accepted event of the request.
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError, type ErrorCode } from "#schemas/errors.ts";
import { userKeyOf, type LogEvent } from "#schemas/events/event.ts";
import { partitionOf } from "#schemas/hash.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import type { Commit } from "#streams/publisher-block.ts";
import type { Publisher } from "#streams/publisher.ts";
import { authorize } from "../access/authorize.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { RateLimits } from "../access/rate-limits.ts";
import type { Admission } from "../admission.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import { checkEvent, type Arrival } from "./check-event.ts";
import { Decompressor, parseEncoding, type Encoding } from "./decompress.ts";
import { MalformedLine, parseBody, type BodyFormat, type SentEvents } from "./parse-body.ts";
import { buildAnswer, buildRejection, type Rejection } from "./verdicts.ts";

/** Events are counted by outcome; told once a request. */
export interface EventsObserver {
  accepted(events: number, bytes: number): void;
  rejected(code: ErrorCode): void;
}

export interface ReceiveEventsOptions {
  readonly keys: KeyCache;
  readonly limits: RateLimits;
  readonly admission: Admission;
  readonly publisher: Publisher;
  readonly log: Logger;
  readonly observer: EventsObserver;
  readonly bodyBytesMax: number;
  readonly eventsPerRequestMax: number;
  readonly bodyDeadlineMs: number;
  /** Bodies no larger than this cannot hold an event that is too large. */
  readonly eventBytesMax: number;
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

/** One request until its answer; also its commit in the publisher. */
class Delivery implements Commit {
  outstanding = 0;
  failure: MillraceError | undefined;
  accepted = 0;
  readonly rejected: Rejection[] = [];
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  settled(): void {
    if (this.failure !== undefined) {
      this.#exchange.fail(this.failure);
      return;
    }
    const { status, body } = buildAnswer(this.accepted, this.rejected, this.#exchange.requestId);
    this.#exchange.answer(status, body);
  }
}

export function createReceiveEvents(options: ReceiveEventsOptions) {
  const { keys, limits, admission, publisher, observer } = options;
  const bodyLimits = { bytesMax: options.bodyBytesMax, deadlineMs: options.bodyDeadlineMs, keep: false };
  const keptBodyLimits = { ...bodyLimits, keep: true };
  const decompressor = new Decompressor(options.bodyBytesMax);
  // Encoded within `append`, so one object serves all events.
  const scratch = {} as LogEvent;

  function publish(exchange: Exchange, sent: SentEvents, arrival: Arrival, bytes: number): void {
    const delivery = new Delivery(exchange);
    const { events } = sent;
    for (let index = 0; index < events.length; index += 1) {
      const event = events[index];
      const malformed = event instanceof MalformedLine;
      const code = malformed ? "MALFORMED_JSON" : checkEvent(event, arrival, scratch);
      if (code === undefined) {
        const partition = partitionOf(scratch.project_id, userKeyOf(scratch), publisher.partitions);
        publisher.append(partition, scratch, delivery);
        delivery.accepted += 1;
      } else {
        observer.rejected(code);
        delivery.rejected.push(buildRejection(index, event, code, malformed ? event.message : undefined));
      }
    }
    observer.accepted(delivery.accepted, bytes);
    if (delivery.accepted === 0) delivery.settled();
  }

  /** The body is whole and the sender known. */
  function receive(
    exchange: Exchange,
    key: ResolvedKey,
    body: Buffer,
    format: BodyFormat,
    userAgent: string,
  ): void | Promise<void> {
    const sent = parseBody(body, format, options.eventsPerRequestMax);
    const bytes = body.length;
    const arrival: Arrival = {
      projectId: key.projectId,
      receivedAtMs: Date.now(),
      sentAtMs: sent.sentAtMs,
      userAgent,
      measure: bytes > options.eventBytesMax,
    };
    const proceed = (refused: MillraceError | undefined): void => {
      const refusal = refused ?? publisher.refusal(bytes);
      if (refusal === undefined) publish(exchange, sent, arrival, bytes);
      else exchange.fail(refusal);
    };
    if (key.eventsPerSecondMax === null) return proceed(undefined);
    const taken = limits.take(key.projectId, sent.events.length, key.eventsPerSecondMax);
    return taken instanceof Promise ? taken.then(proceed) : proceed(taken);
  }

  return function receiveEvents(exchange: Exchange, head: RequestHead): void | Promise<void> {
    const contentLength = Number(head.header("content-length")) || 0;
    if (contentLength > options.bodyBytesMax) throw new MillraceError("BODY_TOO_LARGE");
    const refusal = admission.refusal(contentLength);
    if (refusal !== undefined) throw refusal;
    const format = parseFormat(head.header("content-type"));
    const encoding = parseEncoding(head.header("content-encoding"));
    const browser = head.header("user-agent");
    const userAgent = browser.startsWith("Mozilla/") ? browser : "";
    const key = authorize(keys, head, "write");
    if (!(key instanceof Promise)) {
      const limited = key.eventsPerSecondMax === null ? undefined : limits.refusal(key.projectId);
      if (limited !== undefined) throw limited;
      if (encoding === undefined) {
        receiveNow(exchange, key, format, userAgent);
        return undefined;
      }
    }
    return receiveLater(exchange, key, format, encoding, userAgent);
  };

  function failed(exchange: Exchange, error: unknown): void {
    if (!(error instanceof MillraceError)) {
      options.log.error({ err: error, requestId: exchange.requestId }, "events could not be received");
    }
    exchange.fail(error instanceof MillraceError ? error : new MillraceError("INTERNAL", { cause: error }));
  }

  /** The usual case, without a promise: plain body, key in the cache. */
  function receiveNow(exchange: Exchange, key: ResolvedKey, format: BodyFormat, userAgent: string): void {
    exchange.readBody(bodyLimits, (body) => {
      try {
        const later = receive(exchange, key, body, format, userAgent);
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
    userAgent: string,
  ): Promise<void> {
    const body = new Promise<Buffer>((resolve) => {
      exchange.readBody(keptBodyLimits, resolve);
    });
    const resolved = await key;
    const received = await body;
    const plain = encoding === undefined ? received : await decompressor.decompress(received, encoding);
    if (exchange.done) return;
    await receive(exchange, resolved, plain, format, userAgent);
  }
}
