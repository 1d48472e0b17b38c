// Compressed bodies, in zlib's own threads and within a bound: a small body that grows without end stops there.
import { brotliDecompress, constants, gunzip, inflate, inflateRaw } from "node:zlib";
import { MillraceError } from "#schemas/errors.ts";

const encodings = ["gzip", "br", "deflate"] as const;
export type Encoding = (typeof encodings)[number];

/** Undefined: not compressed. Throws UNSUPPORTED_MEDIA_TYPE. */
export function parseEncoding(header: string): Encoding | undefined {
  if (header === "") return undefined;
  const name = header.trim().toLowerCase();
  if (name === "identity") return undefined;
  if (name === "x-gzip") return "gzip";
  const known = encodings.find((encoding) => encoding === name);
  if (known !== undefined) return known;
  throw new MillraceError("UNSUPPORTED_MEDIA_TYPE", {
    message: "The content encoding must be gzip, br or deflate.",
  });
}

/** "deflate" is zlib's format by the standard and raw by some senders' mistake. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
}

/** Bodies decompressed at once: zlib's threads are no more, and each may grow to the bound. */
const concurrencyMax = 4;

export class Decompressor {
  readonly #bytesMax: number;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Rejects with MALFORMED_COMPRESSION, or BODY_TOO_LARGE past the bound. */
  async decompress(bytes: Uint8Array, encoding: Encoding): Promise<Buffer> {
    // How many wait is bounded by the budget of bodies in flight.
    if (this.#underWay >= concurrencyMax) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else {
      this.#underWay += 1;
    }
    try {
      return await run(bytes, encoding, this.#bytesMax);
    } finally {
      // The place is handed on, not freed, when somebody waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay -= 1;
      else next();
    }
  }
}

function run(bytes: Uint8Array, encoding: Encoding, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const finish = (error: (Error & { code?: string }) | null, result: Buffer): void => {
      if (error === null) resolve(result);
      else if (error.code === "ERR_BUFFER_TOO_LARGE") reject(new MillraceError("BODY_TOO_LARGE"));
      else reject(new MillraceError("MALFORMED_COMPRESSION", { cause: error }));
    };
    const options = { maxOutputLength: bytesMax };
    if (encoding === "gzip") gunzip(bytes, options, finish);
    else if (encoding === "br") {
      // Without the large-window extension, a body cannot ask for more than 16 MB of dictionary.
      const params = { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 0 };
      brotliDecompress(bytes, { ...options, params }, finish);
    } else if (hasZlibHeader(bytes)) inflate(bytes, options, finish);
    else inflateRaw(bytes, options, finish);
  });
}
