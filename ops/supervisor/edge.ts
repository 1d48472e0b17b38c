// The edge as the supervisor sees it: is its port free, and does it answer ready?
import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "#schemas/errors.ts";
import { listenProblem } from "../embedded/ports.ts";
import type { Config } from "../runtime/config.ts";

const pollMs = 100;
const requestMsMax = 2_000;
const readyMsMax = 90_000;
const sayAfterMs = 8_000;

type Address = Pick<Config, "host" | "port">;

/** An address to reach the edge from this machine. */
export function edgeUrl({ host, port }: Address): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

/** @throws MillraceError CONFLICT that names the port and the variable that changes it. */
export async function requireFreeEdgePort({ host, port }: Address): Promise<void> {
  const problem = await listenProblem(port, host);
  if (problem === undefined) return;
  const reasons: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is in use by another program: stop that one, or set MILLRACE_PORT to a free port.`,
    EACCES: `Port ${port} may not be used by this user: set MILLRACE_PORT to 1024 or above.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine: set MILLRACE_HOST to one that is.`,
  };
  throw new MillraceError("CONFLICT", {
    message:
      reasons[problem] ??
      `Cannot listen on ${host}:${port} (${problem}): check MILLRACE_HOST and MILLRACE_PORT.`,
  });
}

/** What `GET /readyz` says, or why it says nothing. */
export async function readReadiness(address: Address): Promise<{ isReady: boolean; text: string }> {
  try {
    const response = await fetch(`${edgeUrl(address)}/readyz`, { signal: AbortSignal.timeout(requestMsMax) });
    return { isReady: response.status === 200, text: (await response.text()).slice(0, 2_000) };
  } catch (error) {
    const cause = (error as Error).cause;
    return { isReady: false, text: cause instanceof Error ? cause.message : (error as Error).message };
  }
}

/** @throws MillraceError SERVICE_UNAVAILABLE with what the edge last said, after 90 s. */
export async function waitUntilEdgeReady(
  address: Address,
  options: { isCancelled: () => boolean; print: (line: string) => void },
): Promise<void> {
  const beganAt = Date.now();
  let hasSaid = false;
  for (;;) {
    if (options.isCancelled()) throw new MillraceError("SHUTTING_DOWN");
    const { isReady, text } = await readReadiness(address);
    if (isReady) return;
    const waitedMs = Date.now() - beganAt;
    if (waitedMs > readyMsMax) {
      throw new MillraceError("SERVICE_UNAVAILABLE", {
        message: `The tiers did not become ready within ${readyMsMax / 1000} s: ${text}`,
      });
    }
    if (!hasSaid && waitedMs > sayAfterMs) {
      options.print(`still waiting for the tiers: ${text}`);
      hasSaid = true;
    }
    await sleep(pollMs);
  }
}
