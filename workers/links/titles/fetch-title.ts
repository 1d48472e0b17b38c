// One attempt to read the title of the page a link leads to. Where it goes somebody else says, and every redirect
// again: each address is looked at before it is connected to, and everything has a bound.
import type { IncomingMessage } from "node:http";
import { pipeline, type Readable } from "node:stream";
import { constants, createGunzip } from "node:zlib";
import { targetBytesMax } from "#schemas/links/check-target.ts";
import { AddressRefused, type AddressGuard } from "../../outgoing/guard-address.ts";
import { requestChecked } from "../../outgoing/request-checked.ts";
import { TitleReader } from "./read-title.ts";

export const fetchLimits = {
  /** From the first look-up to the last byte, over all redirects. */
  msMax: 3_000,
  redirectsMax: 5,
  /** Of the page, as it came and after it was decompressed. */
  bytesMax: 512 * 1024,
} as const;

/** Names itself as a program: visits of it are counted as those of bots. */
const headers = {
  "User-Agent": "MillraceBot/1.0 (reads titles of linked pages)",
  Accept: "text/html",
  "Accept-Encoding": "gzip",
} as const;

export type FetchedTitle =
  | { readonly outcome: "found"; readonly title: string }
  /** The page is there and has no title, or is no page. */
  | { readonly outcome: "none" }
  /** It may not be gone to. */
  | { readonly outcome: "refused" }
  | { readonly outcome: "failed"; readonly mayRetry: boolean };

export interface FetchOptions {
  readonly guard: AddressGuard;
  /** Addresses of this installation: reading them would be a visit of a link. */
  readonly isOwn: (url: URL) => boolean;
  readonly signal: AbortSignal;
  readonly msMax?: number;
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Worth another try: too many requests, or trouble of the server's own. */
const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Never throws. */
export async function fetchTitle(target: string, options: FetchOptions): Promise<FetchedTitle> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.msMax ?? fetchLimits.msMax)]);
  try {
    let url = new URL(target);
    for (let hop = 0; hop <= fetchLimits.redirectsMax; hop += 1) {
      if (!mayBeAsked(url, options)) return { outcome: "refused" };
      const response = await open(url, options.guard, signal);
      try {
        const status = response.statusCode ?? 0;
        const location = response.headers.location;
        if (redirects.has(status) && location !== undefined) {
          if (!URL.canParse(location, url.href)) return { outcome: "failed", mayRetry: false };
          url = new URL(location, url.href);
          continue;
        }
        if (isPassing(status)) return { outcome: "failed", mayRetry: true };
        if (status < 200 || status > 299) return { outcome: "none" };
        return await readPage(response);
      } finally {
        response.destroy();
      }
    }
    return { outcome: "failed", mayRetry: false };
  } catch (error) {
    return error instanceof AddressRefused ? { outcome: "refused" } : { outcome: "failed", mayRetry: true };
  }
}

function mayBeAsked(url: URL, { isOwn }: FetchOptions): boolean {
  return (
    (url.protocol === "http:" || url.protocol === "https:") &&
    url.username === "" &&
    url.password === "" &&
    url.href.length <= targetBytesMax &&
    !isOwn(url)
  );
}

function open(url: URL, guard: AddressGuard, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = requestChecked(url, guard, { method: "GET", headers, signal }, resolve);
    request.on("error", reject);
    request.on("close", () => reject(new Error("closed without an answer")));
    request.end();
  });
}

async function readPage(response: IncomingMessage): Promise<FetchedTitle> {
  const contentType = response.headers["content-type"] ?? "";
  if (!/^\s*text\/html\s*(;|$)/i.test(contentType)) return { outcome: "none" };
  const body = decodeBody(response);
  if (body === undefined) return { outcome: "none" };
  const reader = new TitleReader(contentType);
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length;
    const rest = piece.subarray(0, piece.length - Math.max(0, bytes - fetchLimits.bytesMax));
    if (reader.write(rest) || bytes >= fetchLimits.bytesMax) break;
  }
  const title = reader.end();
  return title === null ? { outcome: "none" } : { outcome: "found", title };
}

/** Undefined for an encoding that was not asked for. Ends early when the answer is longer than it may be. */
function decodeBody(response: IncomingMessage): Readable | undefined {
  const encoding = (response.headers["content-encoding"] ?? "").trim().toLowerCase();
  if (encoding === "" || encoding === "identity") return response;
  if (encoding !== "gzip" && encoding !== "x-gzip") return undefined;
  // Gives what it has when its input ends in the middle.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  // Whoever reads hears of errors from `gunzip`, which is destroyed with them.
  return pipeline(response, limitBytes, gunzip, () => undefined);
}

async function* limitBytes(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > fetchLimits.bytesMax) return;
    yield piece;
  }
}
