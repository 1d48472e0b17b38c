// The loopback ports of the embedded servers: chosen free at the first start of a data directory and kept, so
// that addresses stay the same; one that somebody else took meanwhile is chosen anew.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { MillraceError } from "#schemas/errors.ts";
import { readJsonFile, writeJsonFile } from "./private-file.ts";

export const portNames = ["nats", "redis", "postgres", "clickhouse"] as const;
export type PortName = (typeof portNames)[number];
export type Ports = Record<PortName, number>;

// Below the range from which systems take the ports of outgoing connections (Linux from 32768, macOS from 49152):
// a kept port there would now and then be in use by somebody's connection.
const portMin = 20_000;
const portMax = 32_000;
const triesMax = 200;

/** Call before the servers start and after orphans have ended. */
export async function ensurePorts(dataDir: string, names: readonly PortName[] = portNames): Promise<Ports> {
  const path = join(dataDir, "ports.json");
  const known = ((await readJsonFile(path)) ?? {}) as Partial<Ports>;
  const ports: Partial<Ports> = { ...known };
  for (const name of portNames) {
    const port = ports[name];
    const isKept = port !== undefined && (!names.includes(name) || (await isFree(port)));
    if (!isKept) ports[name] = await chooseFree(Object.values(ports));
  }
  await writeJsonFile(path, ports);
  return ports as Ports;
}

async function chooseFree(taken: readonly number[]): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = randomInt(portMin, portMax);
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
  throw new MillraceError("SERVICE_UNAVAILABLE", {
    message: `No free port was found between ${portMin} and ${portMax}.`,
  });
}

/** Whether a server can listen there; `host` as the later listener will use it. */
export async function isFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return (await listenProblem(port, host)) === undefined;
}

/** The system's code for why nobody can listen there (EADDRINUSE, EACCES, EADDRNOTAVAIL …), or undefined. */
export function listenProblem(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
