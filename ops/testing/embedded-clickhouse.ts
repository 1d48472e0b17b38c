// For integration tests: an embedded ClickHouse server of their own, that they may kill, and one HTTP query.
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  startClickHouse,
  type ClickHouseOptions,
  type ClickHouseServer,
} from "../embedded/clickhouse/server.ts";
import { chooseFreePort } from "./free-port.ts";

const MEMORY_BYTES_MAX = 1024 ** 3;

export type TestClickHouse = {
  readonly directory: string;
  /** The latest start; `start` makes the next one on the same directory. */
  readonly server: ClickHouseServer;
  start(options?: Partial<ClickHouseOptions>): Promise<ClickHouseServer>;
  kill(): Promise<void>;
  /** Stops it and removes its directory. */
  remove(): Promise<void>;
};

/** Starts nothing yet. */
export async function createTestClickHouse(): Promise<TestClickHouse> {
  const directory = await mkdtemp(join(tmpdir(), "millrace-clickhouse-"));
  let server: ClickHouseServer | undefined;
  return {
    directory,
    get server() {
      if (server === undefined) throw new Error("not started");
      return server;
    },
    async start(options = {}) {
      server = await startClickHouse({
        directory,
        httpPort: await chooseFreePort(),
        passwords: { owner: "owner's <&\" word", reader: "reader:word/@" },
        memoryBytesMax: MEMORY_BYTES_MAX,
        ...options,
      });
      return server;
    },
    async kill() {
      if (server === undefined) return;
      process.kill(server.pid, "SIGKILL");
      await server.exited;
    },
    async remove() {
      await server?.stop();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The answer's text without its last line feed. @throws what the server says, or that the connection broke. */
export function queryClickHouse(
  url: string,
  sql: string,
  settings: Record<string, string | number> = {},
): Promise<string> {
  const target = new URL(url);
  for (const [name, value] of Object.entries(settings)) target.searchParams.set(name, String(value));
  return new Promise((done, failed) => {
    // No kept connection: the server would wait for it when it stops.
    const sent = request(target, { method: "POST", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("error", failed);
      response.once("end", () => {
        if (response.statusCode === 200) done(text.trimEnd());
        else failed(new Error(text.slice(0, 1_000)));
      });
    });
    sent.once("error", failed);
    sent.end(sql);
  });
}
