// One attempt to tell a webhook: a signed POST to a checked address, no redirects, nothing of the answer is kept but
// its status.
import { createHmac } from "node:crypto";
import type { ClientRequest, IncomingMessage } from "node:http";
import { AddressRefused, type AddressGuard } from "../outgoing/guard-address.ts";
import { requestChecked } from "../outgoing/request-checked.ts";

/** Resolving, connecting and the answer's head together. */
export const webhookMsMax = 10_000;

export interface Attempt {
  readonly told: boolean;
  readonly status: number | null;
  /** A fixed sentence: what a receiver says is not repeated. */
  readonly error: string | null;
}

export interface Webhook {
  readonly url: string;
  readonly secret: string | null;
  readonly deliveryId: string;
  readonly body: string;
}

/** `t` in seconds and the signature over `t.body`, so that an old request cannot be sent again later. */
export function signBody(secret: string, atSeconds: number, body: string): string {
  const signature = createHmac("sha256", secret).update(`${atSeconds}.${body}`).digest("hex");
  return `t=${atSeconds},v1=${signature}`;
}

/** Never throws. */
export async function sendWebhook(
  webhook: Webhook,
  guard: AddressGuard,
  options: { readonly nowMs: number; readonly signal: AbortSignal; readonly msMax?: number },
): Promise<Attempt> {
  const body = Buffer.from(webhook.body);
  const deadline = AbortSignal.timeout(options.msMax ?? webhookMsMax);
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  const settle = (response: IncomingMessage): void => {
    const status = response.statusCode ?? 0;
    response.destroy();
    const told = status >= 200 && status < 300;
    const redirect = status >= 300 && status < 400;
    const error = redirect ? "it redirects, which is not followed" : "it answered with an error";
    resolve({ told, status, error: told ? null : error });
  };
  const headers = {
    "Content-Type": "application/json",
    "Content-Length": body.length,
    "User-Agent": "Millrace",
    "Millrace-Delivery": webhook.deliveryId,
    ...(webhook.secret === null
      ? {}
      : {
          "Millrace-Signature": signBody(webhook.secret, Math.floor(options.nowMs / 1_000), webhook.body),
        }),
  };
  const signal = AbortSignal.any([options.signal, deadline]);
  let request: ClientRequest;
  try {
    request = requestChecked(new URL(webhook.url), guard, { method: "POST", headers, signal }, settle);
  } catch (error) {
    return failed(error as Error);
  }
  request.on("error", (error: Error) => resolve(failed(deadline.aborted ? new Error("timeout") : error)));
  request.end(body);
  return promise;
}

function failed(error: Error & { code?: string }): Attempt {
  const told = { told: false, status: null } as const;
  if (error instanceof AddressRefused)
    return { ...told, error: "the address is not public, which is refused" };
  if (error.message === "timeout") return { ...told, error: "it did not answer in time" };
  const code = error.code ?? "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return { ...told, error: "its name has no address" };
  if (code === "ECONNREFUSED") return { ...told, error: "it refused the connection" };
  if (/CERT|SSL|TLS|ALTNAME|SIGNATURE/.test(code)) return { ...told, error: "its certificate is not valid" };
  return { ...told, error: "the connection failed" };
}
