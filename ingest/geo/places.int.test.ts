// Events of browsers carry the place of the address, whichever entry they come by; servers' own address says nothing.
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

const file = new URL("testing/GeoIP2-City-Test.mmdb", import.meta.url).pathname;
const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
const london = { $country: "GB", $region: "England", $city: "London" };

let dataDir: string;
let servers: Servers;
let edge: EdgeUnderTest;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-places-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
  const env = { MILLRACE_GEO_FILE: file, MILLRACE_TRUSTED_PROXIES: "127.0.0.0/8" };
  edge = await startEdge(servers.natsUrl, { env });
});

afterAll(async () => {
  await edge.stop();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function post(path: string, body: object, headers: Record<string, string>): Promise<number> {
  const response = await fetch(`${edge.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${testKeys.write}`, "x-forwarded-for": "81.2.69.160", ...headers },
    body: JSON.stringify(body),
  });
  return response.status;
}

async function sentOf(id: string): Promise<Record<string, unknown>> {
  const event = (await readLog(edge.connection)).find((each) => each.event_id === id);
  expect(JSON.stringify(event), "no address is kept").not.toContain("81.2.69");
  return JSON.parse(event?.properties ?? "null") as Record<string, unknown>;
}

it.each([
  { name: "a browser", id: "b", headers: { "user-agent": browser }, expected: { a: 1, ...london } },
  { name: "a server", id: "s", headers: { "user-agent": "axios/1.0" }, expected: { a: 1 } },
  {
    name: "a browser at an address that is nowhere",
    id: "n",
    headers: { "user-agent": browser, "x-forwarded-for": "10.1.2.3" },
    expected: { a: 1 },
  },
])("$name", async ({ id, headers, expected }) => {
  const body = { event: "a", user_id: "u", event_id: id, properties: { a: 1 } };
  expect(await post("/v1/events", body, headers)).toBe(202);
  expect(await sentOf(id)).toEqual(expected);
});

it("a browser that speaks for an SDK", async () => {
  const body = {
    event: "a",
    userId: "u",
    messageId: "sdk",
    writeKey: testKeys.write,
    timestamp: new Date().toISOString(),
  };
  expect(await post("/v1/track", body, { "user-agent": browser })).toBe(200);
  expect(await sentOf("sdk")).toMatchObject(london);
});

it("a browser over a WebSocket", async () => {
  const socket = new WebSocket(`${edge.url.replace("http", "ws")}/v1/ingest`, {
    headers: { "user-agent": browser, "x-forwarded-for": "81.2.69.160" },
  } as never);
  const answers: string[] = [];
  socket.addEventListener("message", ({ data }) => answers.push(String(data)));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  socket.send(JSON.stringify({ key: testKeys.write }));
  socket.send(JSON.stringify({ event: "a", user_id: "u", event_id: "ws" }));
  await expect.poll(() => answers.some((answer) => answer.includes('"accepted":1'))).toBe(true);
  socket.close();
  expect(await sentOf("ws")).toEqual(london);
});
