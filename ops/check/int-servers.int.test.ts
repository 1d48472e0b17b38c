import { createClient } from "@clickhouse/client";
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { Client } from "pg";
import { expect, inject, it } from "vitest";

// Everything the other integration tests build on: when this file fails, look here first.
const servers = inject("servers");

it("NATS answers, with JetStream", async () => {
  const url = new URL(servers.natsUrl);
  const connection = await connect({
    servers: url.host,
    user: decodeURIComponent(url.username),
    pass: decodeURIComponent(url.password),
  });
  expect(connection.info?.jetstream).toBe(true);
  await connection.close();
});

it("ClickHouse answers", async () => {
  const client = createClient({ url: servers.clickhouseUrl });
  const answer = await client.query({ query: "SELECT 1 AS one", format: "JSONEachRow" });
  expect(await answer.json()).toEqual([{ one: 1 }]);
  await client.close();
});

it("Postgres answers", async () => {
  const client = new Client({ connectionString: servers.postgresUrl });
  await client.connect();
  expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  await client.end();
});

it("Redis answers", async () => {
  const redis = new Redis(servers.redisUrl);
  expect(await redis.ping()).toBe("PONG");
  redis.disconnect();
});
