// What became of the events of one request, in the answer's format.
import { errorCatalogue, type ErrorCode } from "#schemas/errors.ts";

export interface Rejection {
  index: number;
  /** Only when the sender gave one. */
  event_id?: string;
  code: ErrorCode;
  message: string;
}

const eventIdLengthShown = 200;

export function buildRejection(index: number, sent: unknown, code: ErrorCode, message?: string): Rejection {
  const eventId = (sent as { event_id?: unknown } | null | undefined)?.event_id;
  return {
    index,
    ...(typeof eventId === "string" && eventId !== ""
      ? { event_id: eventId.slice(0, eventIdLengthShown) }
      : {}),
    code,
    message: message ?? errorCatalogue[code].message,
  };
}

const oneAccepted = '{"accepted":1,"rejected":[]}';

/** 202 with the verdicts, or 400 with the same body and an error when nothing was accepted. */
export function buildAnswer(
  accepted: number,
  rejected: readonly Rejection[],
  requestId: string,
): { status: number; body: string } {
  if (accepted > 0) {
    if (accepted === 1 && rejected.length === 0) return { status: 202, body: oneAccepted };
    return { status: 202, body: JSON.stringify({ accepted, rejected }) };
  }
  const code = "NO_EVENT_ACCEPTED";
  const error = { code, message: errorCatalogue[code].message, details: [], request_id: requestId };
  return { status: errorCatalogue[code].status, body: JSON.stringify({ accepted, rejected, error }) };
}
