// One request with a batch of events, and what its answer means.
import type { QueuedEvent } from "./event-queue.ts";

export interface RejectedEvent {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

export type SendOutcome =
  /** Done with all of them: the platform holds all but those it refused. */
  | { readonly kind: "taken"; readonly rejected: readonly RejectedEvent[] }
  /** Sent again later, with the same ids: whatever was taken counts once. */
  | { readonly kind: "again"; readonly reason: string; readonly retryAfterMs: number | undefined }
  /** The request is too large: sent again in halves. */
  | { readonly kind: "too-large" }
  /** It would be refused again. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export interface SendOptions {
  readonly url: string;
  readonly key: string;
  readonly requestMsMax: number;
  readonly fetch: typeof globalThis.fetch;
  /** Ends the request. */
  readonly signal: AbortSignal;
  /** Goes on when the page is left. */
  readonly keepalive?: boolean;
}

export async function sendBatch(events: readonly QueuedEvent[], options: SendOptions): Promise<SendOutcome> {
  let response: Response;
  let body: string;
  try {
    response = await options.fetch(`${options.url}/v1/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${options.key}`, "content-type": "application/json" },
      body: bodyOf(events),
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.requestMsMax)]),
      ...(options.keepalive === true ? { keepalive: true } : {}),
    });
    body = await response.text();
  } catch (error) {
    return { kind: "again", reason: String(error), retryAfterMs: undefined };
  }
  return readAnswer(response.status, body, response.headers.get("retry-after"));
}

/** `sent_at` lets the platform correct a wrong clock. */
export function bodyOf(events: readonly QueuedEvent[]): string {
  const sentAt = new Date().toISOString();
  return `{"sent_at":"${sentAt}","batch":[${events.map(({ text }) => text).join(",")}]}`;
}

interface Answer {
  readonly rejected?: readonly RejectedEvent[];
  readonly error?: { readonly code?: string; readonly message?: string };
}

function readAnswer(status: number, body: string, retryAfter: string | null): SendOutcome {
  const answer = parse(body);
  const { code = `HTTP_${status}`, message = "" } = answer?.error ?? {};
  if (status >= 200 && status < 300) {
    // Something else than the platform has answered: a proxy's page, a cut answer.
    if (answer?.rejected === undefined) return again("the answer is not the platform's", retryAfter);
    return { kind: "taken", rejected: answer.rejected };
  }
  if (status === 413) return { kind: "too-large" };
  // Each event was looked at, and none was accepted.
  if (status === 400 && Array.isArray(answer?.rejected)) return { kind: "taken", rejected: answer.rejected };
  if (status === 400 || status === 415 || status === 422) return { kind: "refused", code, message };
  // 401 and 403 too: keys are exchanged, and the events can wait for the right one.
  return again(code, retryAfter);
}

function again(reason: string, retryAfter: string | null): SendOutcome {
  return { kind: "again", reason, retryAfterMs: readRetryAfter(retryAfter) };
}

/** Seconds, or a date. */
function readRetryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  const seconds = Number(text);
  if (text.trim() !== "" && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function parse(body: string): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(body);
    return typeof answer === "object" && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}
