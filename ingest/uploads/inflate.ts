// A body on its way to disk: decompressed as its header says, and once more when the file itself is gzip.
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, constants } from "node:zlib";
import { MillraceError } from "#schemas/errors.ts";
import type { Encoding } from "../events/decompress.ts";

const zlibCodes: ReadonlySet<string> = new Set([
  "Z_DATA_ERROR",
  "Z_BUF_ERROR",
  "Z_NEED_DICT",
  "Z_STREAM_END",
  "ERR__ERROR_FORMAT_PADDING_1",
]);

function createDecoder(encoding: Encoding): Transform {
  if (encoding === "gzip") return createGunzip();
  if (encoding === "deflate") return createInflate();
  return createBrotliDecompress({ params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 0 } });
}

function isZlibError(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return (
    typeof code === "string" &&
    (zlibCodes.has(code) || code.startsWith("ERR_BROTLI") || code.startsWith("ERR__ERROR"))
  );
}

/** Fails with MALFORMED_COMPRESSION. */
async function* decode(source: AsyncIterable<Buffer>, encoding: Encoding): AsyncIterable<Buffer> {
  const decoder = createDecoder(encoding);
  // The source's failure ends the decoder, and comes out of the loop below.
  const fed = feed(source, decoder).catch((error: unknown) => void decoder.destroy(error as Error));
  try {
    for await (const piece of decoder as AsyncIterable<Buffer>) yield piece;
    await fed;
  } catch (error) {
    throw isZlibError(error) ? new MillraceError("MALFORMED_COMPRESSION", { cause: error }) : error;
  } finally {
    decoder.destroy();
  }
}

/** A piece is asked for once the one before it is decoded: its bytes are valid until then. */
async function feed(source: AsyncIterable<Buffer>, decoder: Transform): Promise<void> {
  for await (const piece of source) {
    await new Promise<void>((resolve, reject) => {
      decoder.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }
  decoder.end();
}

async function* prepend(first: Buffer, rest: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  yield first;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

/** Plain bytes of `source`, piece by piece. */
export async function* inflate(
  source: AsyncIterable<Buffer>,
  encoding: Encoding | undefined,
): AsyncIterable<Buffer> {
  const sent = encoding === undefined ? source : decode(source, encoding);
  const pieces = sent[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await pieces.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  if (head.length === 0) return;
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  const whole = prepend(head, pieces);
  yield* isGzip ? decode(whole, "gzip") : whole;
}
