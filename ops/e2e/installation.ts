// A whole installation for tests: started the way users start it, in a data directory and on a port of its own,
// with a look at all its processes (each carries MILLRACE_DATA_DIR in its environment).
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const checkout = resolve(import.meta.dirname, "../..");
const readyMsMax = 120_000;
const stopMsMax = 15_000;

export interface Keys {
  write: string;
  read: string;
  admin: string;
}

export interface ProcessInfo {
  pid: number;
  command: string;
}

export async function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolvePort(typeof address === "object" && address ? address.port : 0));
    });
  });
}

export class Installation {
  readonly dataDir: string;
  readonly port: number;
  readonly #environment: Record<string, string>;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(dataDir: string, port: number, environment: Record<string, string>) {
    this.dataDir = dataDir;
    this.port = port;
    this.#environment = environment;
  }

  static async create(environment: Record<string, string> = {}): Promise<Installation> {
    const dataDir = mkdtempSync(join(tmpdir(), "millrace-e2e-"));
    return new Installation(dataDir, await freePort(), environment);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get keys(): Keys {
    return JSON.parse(readFileSync(join(this.dataDir, "keys.json"), "utf8")) as Keys;
  }

  /** Everything that was printed so far. */
  get output(): string {
    return this.#output;
  }

  /** The latest errors and warnings in a part's log. */
  readLog(part: string): string {
    const path = join(this.dataDir, "logs", `${part}.log`);
    if (!existsSync(path)) return `${path} is not there`;
    const lines = readFileSync(path, "utf8").split("\n");
    return lines
      .filter((line) => /"level":[4-6]0/.test(line))
      .slice(-5)
      .join("\n");
  }

  /** True while the process that `npm start` made is alive. */
  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts as users do; does not wait. */
  start(): void {
    const child = spawn("npm", ["start"], {
      cwd: checkout,
      env: {
        ...process.env,
        ...this.#environment,
        MILLRACE_DATA_DIR: this.dataDir,
        MILLRACE_PORT: String(this.port),
      },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that a test can send what Ctrl-C sends: a signal to the whole group.
      detached: true,
    });
    const keep = (text: Buffer): void => {
      this.#output = (this.#output + text.toString()).slice(-100_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    this.#child = child;
  }

  async ready(): Promise<void> {
    const deadline = Date.now() + readyMsMax;
    for (;;) {
      const response = await fetch(`${this.url}/readyz`).catch(() => undefined);
      if (response?.status === 200) return;
      if (Date.now() > deadline || !this.running) {
        throw new Error(`not ready (running: ${this.running}); output:\n${this.#output.slice(-4_000)}`);
      }
      await sleep(100);
    }
  }

  /** Sends Ctrl-C to the terminal group, as a terminal would, and waits for the end. Answers the exit code. */
  async interrupt(): Promise<number | null> {
    const child = this.#child;
    if (!child?.pid) return null;
    const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
    process.kill(-child.pid, "SIGINT");
    return Promise.race([
      ended,
      sleep(stopMsMax).then(() => {
        throw new Error(`still running ${stopMsMax} ms after Ctrl-C; output:\n${this.#output.slice(-4_000)}`);
      }),
    ]);
  }

  /** All processes of this installation, whatever their parent. */
  processes(): ProcessInfo[] {
    if (!existsSync("/proc/self/environ")) throw new Error("needs /proc");
    const mine: ProcessInfo[] = [];
    for (const entry of readdirSync("/proc")) {
      const pid = Number(entry);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        if (!environment.includes(`MILLRACE_DATA_DIR=${this.dataDir}`)) continue;
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        if (command !== "") mine.push({ pid, command });
      } catch {
        // Ended while we looked, or not ours to read.
      }
    }
    return mine;
  }

  /** Ends everything with -9 and removes the data directory. */
  async destroy(): Promise<void> {
    for (let round = 0; round < 20 && this.processes().length > 0; round += 1) {
      this.killAll();
      await sleep(100);
    }
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  killAll(): void {
    for (const { pid } of this.processes()) kill(pid);
  }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
