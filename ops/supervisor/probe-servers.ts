// Asks each server for its version: is it there, is the password right, how long does an answer take?
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import pg from "pg";
import { createClickHouse } from "../runtime/clickhouse.ts";
import type { Config } from "../runtime/config.ts";

export type Probe = {
  name: string;
  setting: "natsUrl" | "redisUrl" | "postgresUrl" | "clickhouseUrl";
  /** Without password; undefined when no address is known. */
  url: string | undefined;
  text: string;
};

const connectMsMax = 3_000;

const versions: Readonly<Record<Probe["setting"], (url: string) => Promise<string>>> = {
  natsUrl: async (url) => {
    const servers = url.split(",").map((each) => new URL(each));
    const { username, password } = servers[0] ?? new URL(url);
    const connection = await connect({
      servers: servers.map(({ host }) => host),
      ...(username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
      reconnect: false,
      timeout: connectMsMax,
    });
    const version = connection.info?.version ?? "";
    await connection.close();
    return version;
  },
  redisUrl: async (url) => {
    const client = new Redis(url, {
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      connectTimeout: connectMsMax,
    });
    // What connect() rejects with only says that the connection is closed; the reason comes as an event.
    let reason: Error | undefined;
    client.on("error", (error: Error) => {
      reason = error;
    });
    try {
      await client.connect().catch((error: unknown) => {
        throw reason ?? error;
      });
      const info = await client.info("server");
      return (/valkey_version:(\S+)/.exec(info) ?? /redis_version:(\S+)/.exec(info))?.[1] ?? "";
    } finally {
      client.disconnect();
    }
  },
  postgresUrl: async (url) => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMsMax });
    client.on("error", () => {});
    await client.connect();
    try {
      const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
      return rows[0]?.server_version ?? "";
    } finally {
      await client.end();
    }
  },
  clickhouseUrl: async (url) => {
    const client = createClickHouse(url, { name: "doctor", connectionsMax: 1 });
    try {
      const result = await client.query({ query: "SELECT version() AS version", format: "JSONEachRow" });
      return (await result.json<{ version: string }>())[0]?.version ?? "";
    } finally {
      await client.close();
    }
  },
};

const names: Readonly<Record<Probe["setting"], string>> = {
  natsUrl: "nats",
  redisUrl: "redis",
  postgresUrl: "postgres",
  clickhouseUrl: "clickhouse",
};

export function probeServers(config: Config): Promise<Probe[]> {
  return Promise.all(
    Object.entries(versions).map(async ([setting, readVersion]): Promise<Probe> => {
      const key = setting as Probe["setting"];
      const url = config[key];
      if (url === undefined) return { name: names[key], setting: key, url, text: "" };
      const shown = url
        .split(",")
        .map((each) => new URL(each).host)
        .join(",");
      const beganAt = performance.now();
      try {
        const version = await readVersion(url);
        const text = `reachable, version ${version}, ${(performance.now() - beganAt).toFixed(0)} ms`;
        return { name: names[key], setting: key, url: shown, text };
      } catch (error) {
        const reason = error instanceof Error ? error.message || error.name : String(error);
        return {
          name: names[key],
          setting: key,
          url: shown,
          text: `not reachable (${reason.split("\n")[0]})`,
        };
      }
    }),
  );
}
