// Logs and metrics in OpenTelemetry's protocol, to the addresses where PostHog's clients and collectors send them. Neither is
// kept here: what a program logs is no event of a user. The protocol has a word for that, which exporters hand on to their
// operators and do not repeat: success, with so many records rejected, and why.
import { MillraceError } from "#schemas/errors.ts";
import { resolveKey } from "../access/authorize.ts";
import { parseKey } from "../access/credentials.ts";
import type { KeyCache } from "../access/key-cache.ts";
import { Decompressor, parseEncoding } from "../events/decompress.ts";
import { decodeText, parseJson } from "../events/parse-body.ts";
import type { Handler } from "../server.ts";
import { membersOf } from "./wire-values.ts";

export interface OtlpOptions {
  readonly keys: KeyCache;
  readonly bodyBytesMax: number;
  readonly bodyDeadlineMs: number;
}

/** Where records lie: names in JSON, numbers of fields in protobuf. Several: any of them. */
interface Level {
  readonly names: readonly string[];
  readonly fields: readonly number[];
}

interface Signal {
  readonly what: string;
  /** Member of `partialSuccess` in JSON. */
  readonly rejected: string;
  readonly levels: readonly Level[];
}

const one = (name: string, field: number): Level => ({ names: [name], fields: [field] });

const logs: Signal = {
  what: "Logs",
  rejected: "rejectedLogRecords",
  levels: [one("resourceLogs", 1), one("scopeLogs", 2), one("logRecords", 2)],
};

const metrics: Signal = {
  what: "Metrics",
  rejected: "rejectedDataPoints",
  levels: [
    one("resourceMetrics", 1),
    one("scopeMetrics", 2),
    one("metrics", 2),
    { names: ["gauge", "sum", "histogram", "exponentialHistogram", "summary"], fields: [5, 7, 9, 10, 11] },
    one("dataPoints", 1),
  ],
};

const protobuf = "application/x-protobuf";

/** `METHOD path` of the operation ▸ its handler. */
export function createOtlpHandlers(options: OtlpOptions): Record<string, Handler> {
  return {
    "POST /i/v1/logs": createHandler(options, logs),
    "POST /i/v1/metrics": createHandler(options, metrics),
  };
}

function createHandler({ keys, bodyBytesMax, bodyDeadlineMs }: OtlpOptions, signal: Signal): Handler {
  const decompressor = new Decompressor(bodyBytesMax);
  return async (exchange, head) => {
    const key =
      parseKey(head.header("authorization"), true) || (new URLSearchParams(head.query()).get("token") ?? "");
    const isProtobuf = head.header("content-type").toLowerCase().startsWith(protobuf);
    if ((Number(head.header("content-length")) || 0) > bodyBytesMax)
      throw new MillraceError("BODY_TOO_LARGE");
    const encoding = parseEncoding(head.header("content-encoding"));
    const body = await new Promise<Buffer>((resolve) => {
      exchange.readBody({ bytesMax: bodyBytesMax, deadlineMs: bodyDeadlineMs, keep: true }, resolve);
    });
    await resolveKey(keys, key, ["write"]);
    const plain = encoding === undefined ? body : await decompressor.decompress(body, encoding);
    if (exchange.done) return;
    const message = `${signal.what} are not kept here.`;
    if (isProtobuf) {
      const rejected = countFields(plain, signal.levels);
      exchange.answer(200, rejected === 0 ? "" : encodePartialSuccess(rejected, message), [], protobuf);
      return;
    }
    const rejected = countMembers(parseJson(decodeText(plain)), signal.levels);
    // Whole numbers of 64 bits are texts in the protocol's JSON.
    const partialSuccess = { [signal.rejected]: String(rejected), errorMessage: message };
    exchange.answer(200, JSON.stringify(rejected === 0 ? {} : { partialSuccess }));
  };
}

export function countMembers(value: unknown, levels: readonly Level[]): number {
  const [level, ...below] = levels;
  if (level === undefined) return 1;
  let count = 0;
  for (const name of level.names) {
    const found = membersOf(value)[name];
    // One message, as a gauge is, or a list of them.
    for (const each of Array.isArray(found) ? (found as unknown[]) : found === undefined ? [] : [found]) {
      count += countMembers(each, below);
    }
  }
  return count;
}

/** Of protobuf, without its schema. Throws INVALID_BODY. */
export function countFields(bytes: Uint8Array, levels: readonly Level[]): number {
  const [level, ...below] = levels;
  if (level === undefined) return 1;
  let count = 0;
  const reader = new FieldReader(bytes);
  for (let field = reader.next(); field !== undefined; field = reader.next()) {
    if (field.bytes !== undefined && level.fields.includes(field.number)) {
      count += countFields(field.bytes, below);
    }
  }
  return count;
}

class FieldReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** `bytes`: of a field that has a length. */
  next(): { number: number; bytes: Uint8Array | undefined } | undefined {
    if (this.#at === this.#bytes.length) return undefined;
    const tag = this.#varint();
    const number = Math.floor(tag / 8);
    const kind = tag % 8;
    if (number === 0) throw malformed();
    if (kind === 0) {
      this.#varint();
      return { number, bytes: undefined };
    }
    const isFixed = kind === 1 || kind === 5;
    if (!isFixed && kind !== 2) throw malformed();
    const length = isFixed ? (kind === 1 ? 8 : 4) : this.#varint();
    const start = this.#at;
    if (length > this.#bytes.length - start) throw malformed();
    this.#at += length;
    return { number, bytes: isFixed ? undefined : this.#bytes.subarray(start, this.#at) };
  }

  /** Ten bytes at most; beyond 2^53 only its size matters, which is then wrong anyhow. */
  #varint(): number {
    let value = 0;
    for (let index = 0; index < 10; index += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw malformed();
      this.#at += 1;
      value += (byte % 128) * 2 ** (7 * index);
      if (byte < 128) return value;
    }
    throw malformed();
  }
}

function malformed(): MillraceError {
  return new MillraceError("INVALID_BODY", { message: "The body is not a protobuf message." });
}

/** A response with its field `partial_success`: how many, and why. */
function encodePartialSuccess(rejected: number, message: string): Buffer {
  const text = Buffer.from(message);
  const inner = [0x08, ...varint(rejected), 0x12, ...varint(text.length), ...text];
  return Buffer.from([0x0a, ...varint(inner.length), ...inner]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return [...bytes, left];
}
