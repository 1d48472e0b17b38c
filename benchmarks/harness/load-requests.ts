// The requests of the load generator: single events or batches of 100, five properties each, of 10,000 users; or
// visits of short links, and of codes that never were one.
import { randomBytes } from "node:crypto";
import { createZipf } from "../redirect/zipf.ts";

export type RequestKind = "single" | "batch" | "redirect" | "missing-code";

const users = 10_000;
const batchEvents = 100;
const singleRequests = 4_096;
const batchRequests = 256;
const countries = ["NL", "DE", "FR", "GB", "US", "CZ"];

function buildEvent(number: number): object {
  return {
    event: "order_placed",
    user_id: `user-${(number * 7919) % users}`,
    event_id: `018f0000-0000-7000-8000-${number.toString(16).padStart(12, "0")}`,
    timestamp: new Date(Date.UTC(2026, 10, 22, 10) + number).toISOString(),
    properties: {
      revenue: (number % 10_000) / 100,
      country: countries[number % countries.length],
      plan: "pro",
      items: number % 9,
      first: number % 2 === 0,
    },
  };
}

function buildRequest(body: string, key: string): Buffer {
  return Buffer.from(
    `POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** The links that visits go to, more often to the first of them. */
export const benchmarkLinks = 10_000;
const visitRequests = 65_536;
/** Visitors differ: what the edge keeps of them must not be of one visitor only. */
const browsers = 200;
const referrers = 500;
const languages = [
  "en-US,en;q=0.9",
  "nl-NL,nl;q=0.9,en;q=0.8",
  "de-DE,de;q=0.9",
  "fr;q=0.9",
  "cs-CZ,cs;q=0.9",
];

function visitHeaders(visitor: number): string {
  return (
    "Host: localhost\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
    `Chrome/140.0.${visitor % browsers}.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\n` +
    `Accept-Language: ${languages[visitor % languages.length]}\r\n` +
    `Referer: https://www.example.org/page/${(visitor * 7919) % referrers}\r\n\r\n`
  );
}

export function benchmarkCode(number: number): string {
  return `b${number.toString(36).padStart(6, "0")}`;
}

function buildVisit(code: string, visitor: number): Buffer {
  return Buffer.from(`GET /${code} HTTP/1.1\r\n${visitHeaders(visitor)}`);
}

const digits = { two: 50, three: 51, four: 52 } as const;

/** `next` answers the next request; `statusDigit` is how the status of a good answer begins. */
export function createRequests(kind: RequestKind, key: string): { next: () => Buffer; statusDigit: number } {
  if (kind === "missing-code") {
    return {
      next: () => buildVisit(`m${randomBytes(6).toString("hex")}`, 0),
      statusDigit: digits.four,
    };
  }
  const requests = kind === "redirect" ? buildVisits() : buildRequests(kind, key);
  let at = 0;
  return {
    next: () => requests[at++ % requests.length] as Buffer,
    statusDigit: kind === "redirect" ? digits.three : digits.two,
  };
}

function buildVisits(): Buffer[] {
  const draw = createZipf(benchmarkLinks);
  return Array.from({ length: visitRequests }, (_, visitor) => buildVisit(benchmarkCode(draw()), visitor));
}

function buildRequests(kind: "single" | "batch", key: string): Buffer[] {
  if (kind === "single") {
    return Array.from({ length: singleRequests }, (_, index) =>
      buildRequest(JSON.stringify(buildEvent(index)), key),
    );
  }
  return Array.from({ length: batchRequests }, (_, index) => {
    const events = Array.from({ length: batchEvents }, (_each, event) =>
      buildEvent(index * batchEvents + event),
    );
    return buildRequest(JSON.stringify(events), key);
  });
}
