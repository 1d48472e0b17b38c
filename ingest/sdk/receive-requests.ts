// The way of an SDK's request, whatever its format: body ▸ text ▸ JSON ▸ our events, then the same intake as for
// POST /v1/events. The key may stand in the body, so it is looked up when the body is whole.
import { MillraceError } from "#schemas/errors.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { resolveKey } from "../access/authorize.ts";
import { parseKey } from "../access/credentials.ts";
import type { KeyCache } from "../access/key-cache.ts";
import { parseEncoding } from "../events/decompress.ts";
import type { Delivery, Intake } from "../events/intake.ts";
import type { Origin, ReadOrigin } from "../events/origin.ts";
import { parseJson } from "../events/parse-body.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import type { Handler } from "../server.ts";
import { PayloadDecoder } from "./decode-payload.ts";

export interface SdkOptions {
  readonly keys: KeyCache;
  readonly intake: Intake;
  readonly originOf: ReadOrigin;
  readonly bodyBytesMax: number;
  readonly eventsPerRequestMax: number;
  readonly bodyDeadlineMs: number;
}

/** What was read of the request before its body came: afterwards the head is gone. */
export interface SdkHead {
  readonly method: "GET" | "POST";
  readonly contentType: string;
  readonly origin: string;
  readonly query: URLSearchParams;
  /** Key of the Authorization header; empty without one. */
  readonly headerKey: string;
  readonly isBasic: boolean;
  /** PostHog v1's own headers. */
  readonly sentAt: string;
  readonly sdk: string;
}

export interface SdkFormat {
  /** Value of the body ▸ key and events. Throws MillraceError. */
  readonly parse: (
    body: unknown,
    head: SdkHead,
    form: URLSearchParams,
  ) => { key: string; events: readonly unknown[] };
  /** The answer that its clients take for success, or for a refusal of all events. */
  readonly answer: (
    exchange: Exchange,
    delivery: Delivery,
    request: { head: SdkHead; events: readonly unknown[] },
  ) => void;
  /** The error as its clients have to hear it. */
  readonly refuse: (error: MillraceError, head: SdkHead) => MillraceError;
}

function readSdkHead(method: SdkHead["method"], head: RequestHead): SdkHead {
  const authorization = head.header("authorization");
  return {
    method,
    contentType: head.header("content-type").toLowerCase(),
    origin: head.header("origin"),
    query: new URLSearchParams(head.query()),
    headerKey: parseKey(authorization, true),
    isBasic: /^basic /i.test(authorization),
    sentAt: head.header("posthog-request-timestamp"),
    sdk: head.header("posthog-sdk-info"),
  };
}

export class SdkReceiver {
  readonly #options: SdkOptions;
  readonly #decoder: PayloadDecoder;

  constructor(options: SdkOptions) {
    this.#options = options;
    this.#decoder = new PayloadDecoder(options.bodyBytesMax);
  }

  /** A handler that takes events in this format. */
  receive(method: SdkHead["method"], format: SdkFormat): Handler {
    return async (exchange, requestHead) => {
      const head = readSdkHead(method, requestHead);
      const origin = this.#options.originOf(requestHead, exchange.remoteAddress);
      try {
        const { value, form, bytes } = await this.#readValue(exchange, requestHead, head);
        if (!exchange.done) await this.#take(exchange, format, { head, origin }, { value, form, bytes });
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        exchange.fail(format.refuse(error, head));
      }
    };
  }

  /** A handler that reads a body in the same encodings, and answers by itself. Its key must be a write key. */
  answer(
    method: SdkHead["method"],
    build: (value: unknown, head: SdkHead) => { key: string; body: string },
  ): Handler {
    return async (exchange, requestHead) => {
      const head = readSdkHead(method, requestHead);
      const { value } = await this.#readValue(exchange, requestHead, head);
      const { key, body } = build(value, head);
      await resolveKey(this.#options.keys, key || head.headerKey, ["write"]);
      exchange.answer(200, body);
    };
  }

  async #readValue(
    exchange: Exchange,
    requestHead: RequestHead,
    head: SdkHead,
  ): Promise<{ value: unknown; form: URLSearchParams; bytes: number }> {
    const { bodyBytesMax, bodyDeadlineMs, intake } = this.#options;
    if (head.method === "GET") {
      const data = head.query.get("data") ?? "";
      const text = await this.#decoder.decodeData(data, head.query.get("compression") ?? "");
      return { value: parseJson(text), form: head.query, bytes: text.length };
    }
    const contentLength = Number(requestHead.header("content-length")) || 0;
    if (contentLength > bodyBytesMax) throw new MillraceError("BODY_TOO_LARGE");
    const refusal = intake.refusal(contentLength);
    if (refusal !== undefined) throw refusal;
    const encoding = parseEncoding(requestHead.header("content-encoding"));
    const body = await new Promise<Buffer>((resolve) => {
      exchange.readBody({ bytesMax: bodyBytesMax, deadlineMs: bodyDeadlineMs, keep: true }, resolve);
    });
    const { text, form } = await this.#decoder.decode(body, {
      contentType: head.contentType,
      encoding,
      query: head.query,
    });
    return { value: parseJson(text), form, bytes: text.length };
  }

  async #take(
    exchange: Exchange,
    format: SdkFormat,
    { head, origin }: { head: SdkHead; origin: Origin },
    body: { value: unknown; form: URLSearchParams; bytes: number },
  ): Promise<void> {
    const { keys, intake, eventsPerRequestMax } = this.#options;
    const { key, events } = format.parse(body.value, head, body.form);
    const project: ResolvedKey = await resolveKey(keys, key, ["write"]);
    if (events.length > eventsPerRequestMax) throw new MillraceError("TOO_MANY_EVENTS");
    const refusal = intake.limited(project) ?? (await intake.admit(project, events.length, body.bytes));
    if (refusal !== undefined) throw refusal;
    if (exchange.done) return;
    intake.publish(project, { events, sentAtMs: Number.NaN }, body.bytes, origin, (delivery) => {
      if (delivery.failure !== undefined) exchange.fail(format.refuse(delivery.failure, head));
      else format.answer(exchange, delivery, { head, events });
    });
  }
}
