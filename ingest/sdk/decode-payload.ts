// The text inside a body as SDKs send it: gzip with or without a header that says so, base64, a form, lz-string.
// Every step is bounded by what the body may have once it is plain.
import { Decompressor, type Encoding } from "../events/decompress.ts";
import { decodeText } from "../events/parse-body.ts";
import { decompressLzBase64 } from "./lz-string.ts";

const formType = "application/x-www-form-urlencoded";
const base64Pattern = /^[A-Za-z0-9+/_\-\s]+=*\s*$/;

export interface Payload {
  /** JSON, if the sender is right. */
  readonly text: string;
  /** Fields that came beside it in a form. */
  readonly form: URLSearchParams;
}

export interface PayloadHints {
  readonly contentType: string;
  readonly encoding: Encoding | undefined;
  readonly query: URLSearchParams;
}

const noForm = new URLSearchParams();

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function looksLikeJson(text: string): boolean {
  return /^\s*[[{"]/.test(text);
}

export class PayloadDecoder {
  readonly #bytesMax: number;
  readonly #decompressor: Decompressor;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#decompressor = new Decompressor(bytesMax);
  }

  /** Rejects with MALFORMED_COMPRESSION, BODY_TOO_LARGE or INVALID_ENCODING. */
  async decode(body: Buffer, hints: PayloadHints): Promise<Payload> {
    const text = decodeText(await this.#inflate(body, hints.encoding));
    const isForm = hints.contentType.startsWith(formType) ? !looksLikeJson(text) : text.startsWith("data=");
    const form = isForm ? new URLSearchParams(text) : noForm;
    const compression = form.get("compression") ?? hints.query.get("compression") ?? "";
    return { text: await this.decodeData(isForm ? (form.get("data") ?? "") : text, compression), form };
  }

  /** What stands in `data=`: JSON, or base64 of it, compressed or not. */
  async decodeData(data: string, compression: string): Promise<string> {
    if (compression === "lz64") return decompressLzBase64(data.replaceAll(" ", "+"), this.#bytesMax);
    if (looksLikeJson(data)) return data;
    // A plus sign that was not escaped has become a space.
    const base64 = data.replaceAll(" ", "+");
    if (!base64Pattern.test(base64)) return data;
    return decodeText(await this.#inflate(Buffer.from(base64, "base64"), undefined));
  }

  /** Proxies decompress and leave the header, browsers compress and set none: gzip is told by its first bytes. */
  async #inflate(bytes: Buffer, encoding: Encoding | undefined): Promise<Buffer> {
    let plain = bytes;
    if (encoding !== undefined && encoding !== "gzip") {
      plain = await this.#decompressor.decompress(plain, encoding);
    }
    return isGzip(plain) ? this.#decompressor.decompress(plain, "gzip") : plain;
  }
}
