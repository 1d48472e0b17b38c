// One request and its answer, over uWebSockets.js: bodies within bounds, answers corked, and nothing touched after
// the client has left. Handlers see this class and never the library.
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { MillraceError } from "#schemas/errors.ts";
import type { BodyBudget } from "./body-budget.ts";
import { BodyStream, type BodyStreamLimits } from "./body-stream.ts";

/** The part of the request that is readable only until the handler returns. */
export interface RequestHead {
  /** Empty when absent; `name` in lower case. */
  header(name: string): string;
  /** Every line of a header that may come more than once, in order. */
  headerLines(name: string): readonly string[];
  /** The raw query string, without "?". */
  query(): string;
  /** A parameter of the route's path, decoded. Throws INVALID_PARAMETER. */
  parameter(index: number): string;
}

/** What an exchange needs to know about its route. */
export interface RouteTraits {
  /** Place in the table; for metrics. */
  readonly index: number;
  readonly method: string;
  readonly path: string;
  readonly cors: Cors;
}

/**
 * Which pages may read the answers (ingestion only): none of other origins; any; or any, by name and with credentials,
 * which some SDKs ask for. No cookie is ever read.
 */
export type Cors = "none" | "any" | "mirrored";

/** Told once about every exchange. */
export interface ExchangeObserver {
  /** Status 499: the client left before the answer. */
  finished(route: RouteTraits, status: number): void;
}

export interface ExchangeOwner {
  readonly observer: ExchangeObserver;
  readonly budget: BodyBudget;
  /** True: answers close their connections, so that a drain ends. */
  closing: boolean;
  /** Exchanges that are not answered yet. */
  open: number;
}

const statusTexts: Readonly<Record<number, string>> = {
  200: "200 OK",
  201: "201 Created",
  202: "202 Accepted",
  204: "204 No Content",
  301: "301 Moved Permanently",
  302: "302 Found",
  303: "303 See Other",
  307: "307 Temporary Redirect",
  308: "308 Permanent Redirect",
  400: "400 Bad Request",
  401: "401 Unauthorized",
  403: "403 Forbidden",
  404: "404 Not Found",
  405: "405 Method Not Allowed",
  408: "408 Request Timeout",
  409: "409 Conflict",
  410: "410 Gone",
  413: "413 Payload Too Large",
  415: "415 Unsupported Media Type",
  422: "422 Unprocessable Content",
  426: "426 Upgrade Required",
  429: "429 Too Many Requests",
  500: "500 Internal Server Error",
  503: "503 Service Unavailable",
};

const jsonType = "application/json";
const clientLeft = 499;

export type Header = readonly [name: string, value: string];

/** Texts of IPv4 addresses by their number. */
const addressTexts = new Map<number, string>();
const addressTextsMax = 10_000;

function textOfAddress(bytes: Uint8Array): string {
  const [first, second, third, fourth] = bytes as unknown as [number, number, number, number];
  const number = ((first << 24) | (second << 16) | (third << 8) | fourth) >>> 0;
  let text = addressTexts.get(number);
  if (text === undefined) {
    text = `${first}.${second}.${third}.${fourth}`;
    if (addressTexts.size >= addressTextsMax) addressTexts.clear();
    addressTexts.set(number, text);
  }
  return text;
}

export class Exchange {
  readonly route: RouteTraits;
  readonly requestId: string;
  /** True: only the head of the answer is sent. */
  readonly isHead: boolean;
  readonly #response: HttpResponse;
  readonly #owner: ExchangeOwner;
  /** While the handler runs before its first wait, the library holds back what is written by itself. */
  #corked = true;
  #done = false;
  #origin = "";
  #bodyBytes = 0;
  #bodyTimer: NodeJS.Timeout | undefined;
  #onLeft: (() => void) | undefined;
  #onWritable: (() => void) | undefined;
  #body: BodyStream | undefined;

  constructor(
    response: HttpResponse,
    route: RouteTraits,
    requestId: string,
    owner: ExchangeOwner,
    isHead = false,
  ) {
    this.#response = response;
    this.route = route;
    this.requestId = requestId;
    this.isHead = isHead;
    this.#owner = owner;
    owner.open += 1;
  }

  /** The handler has returned. What was answered by then needs no watch over its client: 0.3 µs less. */
  returned(): void {
    this.#corked = false;
    if (!this.#done) this.#response.onAborted(() => this.#left());
  }

  /** True when it was answered, or the client left: nothing more can be said. */
  get done(): boolean {
    return this.#done;
  }

  /** Where the connection comes from, as text; to be asked for before the handler first waits. */
  get remoteAddress(): string {
    const bytes = new Uint8Array(this.#response.getRemoteAddress());
    // Asked for with every visit of a link: four numbers are written faster than a text is decoded.
    if (bytes.length === 4) return textOfAddress(bytes);
    return Buffer.from(this.#response.getRemoteAddressAsText()).toString("latin1");
  }

  /** For routes whose cors is "mirrored": the origin that the answer names. */
  set origin(origin: string) {
    this.#origin = origin;
  }

  /** Calls `callback` when the client leaves before the answer is complete. */
  onLeft(callback: () => void): void {
    this.#onLeft = callback;
  }

  /**
   * Receives the body. `take` gets all of it; the bytes are valid only until `take` returns, unless `keep` is set:
   * then they are copied, and count as in flight until the answer. Past a bound the exchange answers on its own: 413, 408, or 503 when all bodies together are too many.
   */
  readBody(
    limits: { bytesMax: number; deadlineMs: number; keep: boolean },
    take: (bytes: Buffer) => void,
  ): void {
    let chunks: Buffer[] | undefined;
    this.#response.onData((chunk, isLast) => {
      if (this.#done) return;
      if (this.#bodyBytes + chunk.byteLength > limits.bytesMax) {
        this.fail(new MillraceError("BODY_TOO_LARGE"));
        return;
      }
      if (isLast && chunks === undefined && !limits.keep) {
        take(Buffer.from(chunk));
        return;
      }
      if (!this.#owner.budget.take(chunk.byteLength)) {
        this.fail(new MillraceError("BEHIND", { retryAfterSeconds: 1 }));
        return;
      }
      this.#bodyBytes += chunk.byteLength;
      // The library takes the memory back when this callback returns.
      (chunks ??= []).push(Buffer.from(chunk.slice(0)));
      if (isLast) {
        clearTimeout(this.#bodyTimer);
        take(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      } else {
        this.#bodyTimer ??= setTimeout(
          () => this.fail(new MillraceError("REQUEST_TIMEOUT"), [], true),
          limits.deadlineMs,
        );
      }
    });
  }

  /**
   * Receives the body piece by piece, no faster than it is read; to be called before the handler first waits.
   * The stream fails with BODY_TOO_LARGE, with REQUEST_TIMEOUT, or with the exchange when that ends before.
   */
  streamBody(limits: BodyStreamLimits): BodyStream {
    const response = this.#response;
    const body = new BodyStream(
      {
        pause: () => void (this.#done || response.pause()),
        resume: () => void (this.#done || response.resume()),
      },
      limits,
    );
    this.#body = body;
    response.onData((chunk, isLast) => {
      // The library takes the memory back when this callback returns.
      if (!this.#done) body.take(chunk, isLast);
    });
    return body;
  }

  answer(
    status: number,
    body: string | Uint8Array,
    headers?: readonly Header[],
    contentType = jsonType,
  ): void {
    this.#answer(status, body, contentType, headers, false);
  }

  answerEmpty(status: number, headers: readonly Header[]): void {
    this.#answer(status, "", "", headers, false);
  }

  /** Answers in the catalogue's format; `close` also ends the connection. */
  fail(error: MillraceError, more: readonly Header[] = [], close = false): void {
    const body = JSON.stringify({
      error: {
        code: error.code,
        message: error.message,
        details: error.details,
        request_id: this.requestId,
      },
    });
    const headers: Header[] = [...more];
    if (error.status === 429 || error.status === 503) {
      headers.push(["Retry-After", String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1)))]);
    }
    // A link's password is no key of ours.
    if (error.code === "UNAUTHORIZED") headers.push(["WWW-Authenticate", "Bearer"]);
    this.#answer(error.status, body, jsonType, headers, close);
  }

  /** Starts an answer of unknown length. */
  startStream(status: number, headers: readonly Header[]): void {
    if (this.#done) return;
    this.#response.cork(() => {
      this.#writeHead(status, "", headers);
    });
    this.#response.onWritable(() => {
      this.#onWritable?.();
      return true;
    });
  }

  /** Resolves when the socket can take more; the caller waits for it before the next write. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#done || chunk.byteLength === 0) return;
    let flushed = true;
    this.#response.cork(() => {
      flushed = this.#response.write(chunk);
    });
    if (flushed) return;
    await new Promise<void>((resolve) => {
      this.#onWritable = resolve;
    });
    this.#onWritable = undefined;
  }

  endStream(status: number): void {
    if (this.#done) return;
    this.#finish(status);
    this.#response.cork(() => {
      this.#response.end(undefined, this.#owner.closing);
    });
  }

  /** Ends a stream that cannot be completed: the missing end tells the client that it is cut. */
  breakStream(status: number): void {
    if (this.#done) return;
    this.#finish(status);
    this.#response.close();
  }

  #answer(
    status: number,
    body: string | Uint8Array,
    contentType: string,
    headers: readonly Header[] | undefined,
    close: boolean,
  ): void {
    if (this.#done) return;
    // While the connection may still be touched: a sender that was held back goes on, into nothing.
    this.#giveUpBody();
    this.#finish(status);
    if (this.#corked) this.#write(status, body, contentType, headers, close);
    else this.#response.cork(() => this.#write(status, body, contentType, headers, close));
  }

  #write(
    status: number,
    body: string | Uint8Array,
    contentType: string,
    headers: readonly Header[] | undefined,
    close: boolean,
  ): void {
    this.#writeHead(status, contentType, headers);
    if (this.isHead) {
      this.#response.endWithoutBody(Buffer.byteLength(body), close || this.#owner.closing);
    } else {
      this.#response.end(body, close || this.#owner.closing);
    }
  }

  #writeHead(status: number, contentType: string, headers: readonly Header[] | undefined): void {
    const response = this.#response;
    response.writeStatus(statusTexts[status] ?? String(status));
    if (contentType !== "") response.writeHeader("Content-Type", contentType);
    response.writeHeader("X-Request-Id", this.requestId);
    if (this.route.cors === "any") response.writeHeader("Access-Control-Allow-Origin", "*");
    else if (this.#origin !== "") this.#writeOrigin();
    if (headers === undefined) return;
    for (const [name, value] of headers) response.writeHeader(name, value);
  }

  #writeOrigin(): void {
    const response = this.#response;
    response.writeHeader("Access-Control-Allow-Origin", this.#origin);
    response.writeHeader("Access-Control-Allow-Credentials", "true");
    response.writeHeader("Access-Control-Expose-Headers", "Retry-After, X-Request-Id");
    response.writeHeader("Vary", "Origin");
  }

  #left(): void {
    if (this.#done) return;
    this.#finish(clientLeft);
    this.#onLeft?.();
    this.#onWritable?.();
  }

  #giveUpBody(): void {
    if (this.#body?.isWhole === false) this.#body.destroy(new MillraceError("UPLOAD_INCOMPLETE"));
  }

  #finish(status: number): void {
    this.#done = true;
    this.#owner.open -= 1;
    if (this.#bodyTimer !== undefined) clearTimeout(this.#bodyTimer);
    this.#giveUpBody();
    if (this.#bodyBytes > 0) this.#owner.budget.give(this.#bodyBytes);
    this.#bodyBytes = 0;
    this.#owner.observer.finished(this.route, status);
  }
}

/** The view of `request` that handlers get; a class, because closures for each request would cost 0.3 µs. */
class Head implements RequestHead {
  readonly #request: HttpRequest;

  constructor(request: HttpRequest) {
    this.#request = request;
  }

  header(name: string): string {
    return this.#request.getHeader(name);
  }

  headerLines(name: string): readonly string[] {
    const lines: string[] = [];
    this.#request.forEach((key, value) => void (key === name && lines.push(value)));
    return lines;
  }

  query(): string {
    // Undefined, whatever its type says, when the address has none.
    return (this.#request.getQuery() as string | undefined) ?? "";
  }

  parameter(index: number): string {
    const text = this.#request.getParameter(index) ?? "";
    if (!text.includes("%")) return text;
    let decoded: string;
    try {
      decoded = decodeURIComponent(text);
    } catch (error) {
      throw new MillraceError("INVALID_PARAMETER", {
        message: "The address is not valid percent-encoded UTF-8.",
        cause: error,
      });
    }
    // No store's text can hold it, so nothing is named by it.
    if (decoded.includes("\0")) {
      throw new MillraceError("INVALID_PARAMETER", { message: "The address holds NUL (%00)." });
    }
    return decoded;
  }
}

export function readHead(request: HttpRequest): RequestHead {
  return new Head(request);
}
