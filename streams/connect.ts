// One connection to the log's servers. It reconnects for ever; who publishes decides what waits meanwhile.
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";

const reconnectWaitMs = 100;
const pingIntervalMs = 10_000;

/** Connects to `url` (comma separated for a cluster; user and password inside); waits until a server answers. */
export async function connectNats(options: {
  url: string;
  name: string;
  log: Logger;
}): Promise<NatsConnection> {
  const urls = options.url.split(",").map((text) => new URL(text));
  const first = urls[0] as URL;
  const connection = await connect({
    servers: urls.map((url) => url.host),
    ...(first.username === ""
      ? {}
      : { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }),
    name: options.name,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectWaitMs,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
  });
  void watch(connection, options.log);
  return connection;
}

async function watch(connection: NatsConnection, log: Logger): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect" || status.type === "reconnect") {
      log.info({ status: status.type }, "connection to the log changed");
    } else if (status.type === "error") {
      log.warn({ err: status.error }, "connection to the log reports an error");
    }
  }
}
