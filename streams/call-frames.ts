// What travels between a caller and a service: header names and the error envelope, used by both sides.
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { isErrorCode, MillraceError } from "#schemas/errors.ts";

export const callHeaders = {
  requestId: "Millrace-Request",
  project: "Millrace-Project",
  scope: "Millrace-Scope",
  traceparent: "traceparent",
  /** Parameters beside a body: percent-encoded JSON, since headers hold ASCII only. */
  parameters: "Millrace-Parameters",
  /** Set on a reply that carries an error envelope instead of a result. */
  error: "Millrace-Error",
  /** Kind of a frame of a streamed answer: start, chunk, end. */
  frame: "Millrace-Frame",
  /** Subject on which the service takes credits and the caller's goodbye. */
  control: "Millrace-Control",
  /** Names one call of a method, so that its caller can take it back. */
  call: "Millrace-Call",
} as const;

/** Where a caller that stops waiting says so: every process of the service hears it, one of them works on the call. */
export function leavingSubject(service: string): string {
  return `left.${service}`;
}

/** Chunks a service may send ahead of the caller's credits. */
export const streamCreditsMax = 16;

/** Largest chunk of a streamed answer; larger writes are cut. */
export const streamChunkBytesMax = 256 * 1024;

/** A stream whose other side is silent for longer than this is over. Callers renew while a reader is slow. */
export const streamSilenceMsMax = 30_000;

/** Parameters of the path and the query string; a name that was given more than once is a list. */
export type CallParameters = Readonly<Record<string, string | readonly string[]>>;

export interface CallOptions {
  requestId: string;
  projectId: number;
  scope?: string;
  traceparent?: string | undefined;
  timeoutMs: number;
  /** Given beside a payload that is a request's body. */
  parameters?: CallParameters;
  /** Abort to leave: the service stops its work, and the call fails. */
  signal?: AbortSignal;
}

interface ErrorEnvelope {
  error: { code: string; message: string; details: readonly unknown[]; retry_after_seconds?: number };
}

export function buildCallHeaders(options: CallOptions): MsgHdrs {
  const built = headers();
  built.set(callHeaders.requestId, options.requestId);
  built.set(callHeaders.project, String(options.projectId));
  built.set(callHeaders.scope, options.scope ?? "");
  if (options.traceparent !== undefined) built.set(callHeaders.traceparent, options.traceparent);
  if (options.parameters !== undefined) {
    built.set(callHeaders.parameters, encodeURIComponent(JSON.stringify(options.parameters)));
  }
  return built;
}

export function parseCallParameters(header: string | undefined): CallParameters {
  return header ? (JSON.parse(decodeURIComponent(header)) as CallParameters) : {};
}

export function buildErrorEnvelope(error: MillraceError): ErrorEnvelope {
  return {
    error: {
      code: error.code,
      message: error.message,
      details: error.details,
      ...(error.retryAfterSeconds === undefined ? {} : { retry_after_seconds: error.retryAfterSeconds }),
    },
  };
}

export function parseErrorEnvelope(bytes: Uint8Array): MillraceError {
  const { error } = JSON.parse(new TextDecoder().decode(bytes)) as ErrorEnvelope;
  return new MillraceError(isErrorCode(error.code) ? error.code : "INTERNAL", {
    message: error.message,
    details: error.details,
    ...(error.retry_after_seconds === undefined ? {} : { retryAfterSeconds: error.retry_after_seconds }),
  });
}
