// The analytics store's client.
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from "@clickhouse/client";

export type ClickHouse = ClickHouseClient;

const requestMsMax = 60_000;

/** `url` is http://user:password@host:port/database. `requestMsMax` is also the longest silence of a stream. */
export function createClickHouse(
  url: string,
  options: { name: string; connectionsMax?: number; database?: string; requestMsMax?: number },
): ClickHouseClient {
  const parsed = new URL(url);
  const database = parsed.pathname.slice(1) || options.database || "millrace";
  return createClient({
    url: `${parsed.protocol}//${parsed.host}`,
    username: decodeURIComponent(parsed.username) || "default",
    password: decodeURIComponent(parsed.password),
    database,
    application: options.name,
    max_open_connections: options.connectionsMax ?? 16,
    request_timeout: options.requestMsMax ?? requestMsMax,
    // What fails is thrown, and logged by whoever knows what it means.
    log: { level: ClickHouseLogLevel.OFF },
    // Eagerly: timers are late where a thread was busy for long, and the server hangs up after three seconds.
    keep_alive: { enabled: true, idle_socket_ttl: 2000, eagerly_destroy_stale_sockets: true },
    clickhouse_settings: { date_time_input_format: "best_effort" },
  });
}
