// Archives in a bucket of an S3-compatible store, in parts, so that a file of any length takes the memory of one part.
import { createHash } from "node:crypto";
import { AwsClient } from "aws4fetch";
import type { ArchivePlace } from "./archive-place.ts";

/** The store takes up to 10,000 parts of at least 5 MiB: files to 156 GiB. */
const partBytes = 16 * 1024 * 1024;
const requestMsMax = 120_000;
const triesMax = 4;
const retryMs = 300;

export interface S3Address {
  readonly endpoint: string;
  /** With slashes between, none at either end. */
  readonly prefix: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
}

/** `https://key:secret@host:port/bucket/folder?region=eu-central-1`. Throws Error for one without a bucket or key. */
export function parseS3Address(text: string): S3Address {
  const url = new URL(text);
  const prefix = url.pathname.replace(/^\/+|\/+$/g, "");
  if (prefix === "" || url.username === "" || url.password === "") {
    throw new Error("the address of the archive needs a key, a secret and a bucket");
  }
  return {
    endpoint: `${url.protocol}//${url.host}`,
    prefix,
    accessKey: decodeURIComponent(url.username),
    secretKey: decodeURIComponent(url.password),
    region: url.searchParams.get("region") ?? "us-east-1",
  };
}

export function createS3Place(address: S3Address): ArchivePlace {
  const client = new AwsClient({
    accessKeyId: address.accessKey,
    secretAccessKey: address.secretKey,
    service: "s3",
    region: address.region,
    retries: 0,
  });
  const addressOf = (path: string, query = ""): string =>
    `${address.endpoint}/${address.prefix}/${path.split("/").map(encodeURIComponent).join("/")}${query}`;

  /** Tries again what a busy or restarting store refuses; every request here may be repeated. */
  const ask = async (
    method: string,
    url: string,
    options: { body?: Buffer | string; signal?: AbortSignal; accept?: readonly number[] } = {},
  ): Promise<Response> => {
    for (let tries = 1; ; tries += 1) {
      const { body, accept = [] } = options;
      options.signal?.throwIfAborted();
      const limit = AbortSignal.timeout(requestMsMax);
      const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
      let problem: unknown;
      try {
        const response = await client.fetch(url, {
          method,
          signal,
          ...(body === undefined ? {} : { body: body as string }),
        });
        if (response.ok || accept.includes(response.status)) return response;
        const text = (await response.text()).slice(0, 300);
        problem = new Error(`the archive's store answered ${response.status}: ${text}`);
        if (response.status < 500 && response.status !== 429) throw problem;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (error === problem || tries === triesMax) throw error;
        problem = error;
      }
      if (tries === triesMax) throw problem;
      await new Promise((resolve) => setTimeout(resolve, retryMs * tries * (0.5 + Math.random())));
    }
  };

  const writeParts = async (
    path: string,
    first: Buffer,
    rest: AsyncGenerator<Buffer>,
    signal: AbortSignal,
  ): Promise<void> => {
    const begun = await (await ask("POST", addressOf(path, "?uploads="), { signal })).text();
    const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1];
    if (uploadId === undefined) throw new Error("the archive's store began no upload");
    const ofUpload = `uploadId=${encodeURIComponent(uploadId)}`;
    const tags: string[] = [];
    try {
      const send = async (part: Buffer): Promise<void> => {
        const url = addressOf(path, `?partNumber=${tags.length + 1}&${ofUpload}`);
        const response = await ask("PUT", url, { body: part, signal });
        tags.push(response.headers.get("etag") ?? "");
      };
      await send(first);
      for await (const part of rest) await send(part);
      const list = tags.map(
        (tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`,
      );
      const body = `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`;
      const ended = await (await ask("POST", addressOf(path, `?${ofUpload}`), { body, signal })).text();
      // May fail after its status was sent.
      if (ended.includes("<Error>")) throw new Error("the archive's store did not join the parts");
    } catch (error) {
      await ask("DELETE", addressOf(path, `?${ofUpload}`), { accept: [404] }).catch(() => undefined);
      throw error;
    }
  };

  return {
    async write(path, pieces, signal) {
      const hash = createHash("sha256");
      let bytes = 0;
      const parts = gather(pieces, (piece) => {
        hash.update(piece);
        bytes += piece.length;
      });
      const first = await parts.next();
      const part = first.done === true ? Buffer.alloc(0) : first.value;
      if (part.length < partBytes) await ask("PUT", addressOf(path), { body: part, signal });
      else await writeParts(path, part, parts, signal);
      return { bytes, sha256: hash.digest("hex") };
    },
    async *read(path, signal) {
      const response = await ask("GET", addressOf(path), { signal });
      if (response.body !== null) for await (const piece of response.body) yield piece as Uint8Array;
    },
    async remove(path) {
      await ask("DELETE", addressOf(path), { accept: [404] });
    },
  };
}

/** Pieces of any length as parts of `partBytes`, the last one shorter. */
async function* gather(
  pieces: AsyncIterable<Uint8Array>,
  onPiece: (piece: Uint8Array) => void,
): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    onPiece(piece);
    waiting.push(piece);
    bytes += piece.length;
    while (bytes >= partBytes) {
      const all = Buffer.concat(waiting);
      yield all.subarray(0, partBytes);
      const left = all.subarray(partBytes);
      waiting = [left];
      bytes = left.length;
    }
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}
