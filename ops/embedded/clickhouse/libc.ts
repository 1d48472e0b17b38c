// The few functions of the C library that host.ts needs and Node does not have: a lock that dies with its process, a
// pipe that can be opened by path, a pseudo-terminal.
import { constants, openSync } from "node:fs";
import { DataType, load, open } from "ffi-rs";

// Same numbers on Linux and macOS.
const LOCK_EXCLUSIVE = 2;
const LOCK_NONBLOCKING = 4;

/** Call once, before the functions below. */
export function openLibc(): void {
  open({ library: "libc", path: "" });
}

/** False when another process holds it. Held until this process ends, however it ends. */
export function tryLock(descriptor: number): boolean {
  return call("flock", [descriptor, LOCK_EXCLUSIVE | LOCK_NONBLOCKING]) === 0;
}

/** undefined when the system refuses. */
export function createPipe(): { read: number; write: number } | undefined {
  const ends = Buffer.alloc(8);
  const outcome = load({
    library: "libc",
    funcName: "pipe",
    retType: DataType.I32,
    paramsType: [DataType.U8Array],
    paramsValue: [ends],
  });
  return outcome === 0 ? { read: ends.readInt32LE(0), write: ends.readInt32LE(4) } : undefined;
}

/** Makes `target` another name of `descriptor`. */
export function duplicate(descriptor: number, target: number): void {
  call("dup2", [descriptor, target]);
}

/** A free descriptor for what `descriptor` is. */
export function duplicateFree(descriptor: number): number {
  return call("dup", [descriptor]);
}

/** undefined where the system has none to give. */
export function openTerminal(): { controller: number; terminal: number } | undefined {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const controller = call("posix_openpt", [flags]);
  if (controller < 0 || call("grantpt", [controller]) !== 0 || call("unlockpt", [controller]) !== 0) {
    return undefined;
  }
  const path = load({
    library: "libc",
    funcName: "ptsname",
    retType: DataType.String,
    paramsType: [DataType.I32],
    paramsValue: [controller],
  });
  try {
    return { controller, terminal: openSync(path, flags) };
  } catch {
    return undefined;
  }
}

/** Writes a zero-terminated text of somebody else's memory. */
export function writeText(descriptor: number, address: number): void {
  const length = load({
    library: "libc",
    funcName: "strlen",
    retType: DataType.I64,
    paramsType: [DataType.I64],
    paramsValue: [address],
  });
  load({
    library: "libc",
    funcName: "write",
    retType: DataType.I64,
    paramsType: [DataType.I32, DataType.I64, DataType.I64],
    paramsValue: [descriptor, address, length],
  });
}

function call(funcName: string, values: number[]): number {
  return load({
    library: "libc",
    funcName,
    retType: DataType.I32,
    paramsType: values.map(() => DataType.I32),
    paramsValue: values,
  });
}
