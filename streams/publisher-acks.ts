// What JetStream answers to a published block, as a value.
import type { Msg } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";

export type Ack =
  | { kind: "stored" }
  /** Nobody took it (a leader is being elected, the stream is not up yet): worth another try. */
  | { kind: "unheard" }
  /** The log took it and refused it. */
  | { kind: "refused"; error: MillraceError; full: boolean };

const okPrefix = Buffer.from('{"stream":');
const noRespondersStatus = 503;
/** Seconds until workers have likely trimmed something from a full log. */
const fullRetrySeconds = 5;

export function parseAck(message: Msg): Ack {
  const { data } = message;
  if (data.length === 0 && message.headers?.code === noRespondersStatus) return { kind: "unheard" };
  // JetStream answers {"stream":…,"seq":…} or {"error":{…},…}: the first key tells, parsing costs more.
  const head = Buffer.from(data.buffer, data.byteOffset, Math.min(data.byteLength, okPrefix.length));
  if (head.equals(okPrefix)) return { kind: "stored" };
  let description = "unreadable answer";
  try {
    const body = message.json<{ error?: { code?: number; description?: string } }>();
    if (body.error === undefined) return { kind: "stored" };
    description = body.error.description ?? "no description";
    if (body.error.code === noRespondersStatus && !isFull(description)) return { kind: "unheard" };
  } catch {
    // Fall through: an answer that is not JSON is a refusal with that description.
  }
  const full = isFull(description);
  const error = new MillraceError(full ? "BEHIND" : "LOG_UNAVAILABLE", {
    retryAfterSeconds: full ? fullRetrySeconds : 1,
    cause: new Error(`the log refused a block: ${description}`),
  });
  return { kind: "refused", error, full };
}

/** max_bytes with discard "new", and a server out of storage, both mean: later. */
function isFull(description: string): boolean {
  return description.includes("maximum") || description.includes("insufficient");
}
