// For Node: keeps events in a folder until they are delivered, so that they survive the process, also `kill -9`.
// Each process appends to a file of its own; files whose process is gone are taken over by whoever starts next.
// Exported as `millrace/client/event-file`, apart from the client itself, which runs in browsers too.
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { EventStorage } from "./event-storage.ts";

/** Delivered events stay in the file until it has grown by so much: rewriting costs more than reading twice. */
const rewriteBytes = 1024 * 1024;

const host = hostname().replace(/[^A-Za-z0-9-]/g, "-");

let filesOfProcess = 0;
/** Names of the files that this process is writing. */
const openFiles = new Set<string>();

export class EventFile implements EventStorage {
  readonly #folder: string;
  readonly #name: string;
  readonly #path: string;
  #file: number;
  #bytes = 0;
  #closed = false;

  /** The folder is made when it is not there. One client of a process takes one `EventFile`. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    filesOfProcess += 1;
    this.#name = `${host}.${process.pid}.${Date.now()}-${filesOfProcess}.ndjson`;
    this.#path = join(folder, this.#name);
    openFiles.add(this.#name);
    this.#file = openSync(this.#path, "a");
  }

  load(): string[] {
    const events: string[] = [];
    for (const name of readdirSync(this.#folder).toSorted((a, b) => startedAt(a) - startedAt(b))) {
      const path = join(this.#folder, name);
      if (path === this.#path || !isLeftBehind(name)) continue;
      // Renamed first: of two processes that start at once, one gets it.
      const taken = `${this.#path}.taken`;
      try {
        renameSync(path, taken);
      } catch {
        continue;
      }
      const lines = readWholeLines(readFileSync(taken, "utf8"));
      for (const line of lines) this.add(line);
      events.push(...lines);
      rmSync(taken);
    }
    return events;
  }

  add(event: string): void {
    if (this.#closed) return;
    this.#bytes += writeSync(this.#file, `${event}\n`);
  }

  keep(events: () => readonly string[]): void {
    if (this.#closed) return;
    const left = events();
    if (left.length > 0 && this.#bytes < rewriteBytes) return;
    this.#rewrite(left);
  }

  readWord(): undefined {
    return undefined;
  }

  writeWord(): void {
    // A process that is about one user is told its ids.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
    openFiles.delete(this.#name);
    if (this.#bytes === 0) rmSync(this.#path, { force: true });
  }

  /** Whole or not at all: a process that ends in between leaves the old file or the new one. */
  #rewrite(events: readonly string[]): void {
    const fresh = `${this.#path}.fresh`;
    const file = openSync(fresh, "w");
    const bytes = events.length === 0 ? 0 : writeSync(file, `${events.join("\n")}\n`);
    renameSync(fresh, this.#path);
    closeSync(this.#file);
    this.#file = file;
    this.#bytes = bytes;
  }
}

/** A file of this machine whose process is gone; of other machines nothing is known. */
function isLeftBehind(name: string): boolean {
  const match = /^(.+)\.(\d+)\.[\d-]+\.ndjson(\.taken)?$/.exec(name);
  if (match === null || match[1] !== host) return false;
  const pid = Number(match[2]);
  // Closed by this process, or left by an earlier one with the same number.
  if (pid === process.pid) return !openFiles.has(name);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** When the process began the file: what is older is sent before. */
function startedAt(name: string): number {
  return Number(name.split(".")[2]?.split("-")[0] ?? 0) || 0;
}

/** Without a last line that was cut by the end of the process. */
function readWholeLines(text: string): string[] {
  return text.split("\n").filter((line) => {
    if (line === "") return false;
    try {
      JSON.parse(line);
      return true;
    } catch {
      return false;
    }
  });
}
