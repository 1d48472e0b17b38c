// The requests of the load generator: single events or batches of 100, five properties each, of 10,000 users.

export type RequestKind = "single" | "batch";

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

export function buildRequests(kind: RequestKind, key: string): Buffer[] {
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
