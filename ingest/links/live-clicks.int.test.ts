// Clicks of a link as they are stored, at the edge alone, with what workers would tell.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import {
  encodeLiveMessage,
  liveInterestSubject,
  liveSubject,
  type LiveAnnouncement,
} from "#schemas/live/live-messages.ts";
import { LinksService } from "../testing/links-service.ts";
import { LiveListener } from "../testing/live-listener.ts";
import { startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

let dataDir: string;
let servers: Servers;
let edge: EdgeUnderTest;
let links: LinksService;
let spring: string;
let announced: LiveAnnouncement | undefined;

beforeAll(async () => {
  // A log of its own: other tests announce what they listen to in the shared one.
  dataDir = await mkdtemp(join(tmpdir(), "millrace-clicks-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
  edge = await startEdge(servers.natsUrl);
  links = new LinksService(edge.connection, undefined);
  spring = (await links.put({ code: "spring" })).publicId;
  await links.put({ code: "foreign", projectId: 2 });
  edge.connection.subscribe(liveInterestSubject, {
    callback: (error, message) => {
      const announcement = message.json<LiveAnnouncement>();
      if (!error && announcement.projectId === 1) announced = announcement;
    },
  });
  await edge.connection.flush();
});
afterAll(async () => {
  await links.stop();
  await edge.stop();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

const address = (path: string): string => `${edge.url}/v1/links/${path}`;
const authorization = { authorization: `Bearer ${testKeys.read}` };

test.each([
  { name: "no key", path: "spring/clicks", headers: {}, status: 401, code: "UNAUTHORIZED" },
  {
    name: "a key that may only write",
    path: "spring/clicks",
    headers: { authorization: `Bearer ${testKeys.write}` },
    status: 403,
    code: "FORBIDDEN",
  },
  { name: "no link", path: "missing/clicks", headers: authorization, status: 404, code: "LINK_NOT_FOUND" },
  {
    name: "another's link",
    path: "foreign/clicks",
    headers: authorization,
    status: 404,
    code: "LINK_NOT_FOUND",
  },
  {
    name: "another domain",
    path: "spring/clicks?domain=links.test",
    headers: authorization,
    status: 404,
    code: "LINK_NOT_FOUND",
  },
  {
    name: "an unknown parameter",
    path: "spring/clicks?since=1",
    headers: authorization,
    status: 400,
    code: "INVALID_QUERY",
  },
])("$name is answered with $code", async ({ path, headers, status, code }) => {
  const response = await fetch(address(path), { headers: { ...headers } });
  const body = (await response.json()) as { error: { code: string } };
  expect([response.status, body.error.code]).toEqual([status, code]);
});

test("clicks of the link are told as they are stored, those of people unless all are asked for", async () => {
  const people = await (await LiveListener.stream(address("spring/clicks"), { ...authorization })).opened();
  const all = await (
    await LiveListener.stream(address(`spring/clicks?all=true&key=${testKeys.read}`))
  ).opened();
  await people.until(() => Object.keys(announced?.filters ?? {}).length === 2);
  const filters = Object.entries(announced?.filters ?? {});
  const linkId = { property: "link_id", operator: "eq", value: spring };
  const [ofPeople] = filters.find(([, { filters: each }]) => each.length === 3) ?? [];
  const [ofAll] = filters.find(([, { filters: each }]) => each.length === 1) ?? [];
  expect(filters.map(([, { events, filters: each }]) => [events, each[0]])).toEqual([
    [["link.clicked"], linkId],
    [["link.clicked"], linkId],
  ]);
  const click = { event: "link.clicked", properties: { code: "spring" } };
  const header = { filters: [ofPeople as string, ofAll as string] };
  const lines = [
    `0,1 ${JSON.stringify({ ...click, event_id: "1" })}`,
    `1 ${JSON.stringify({ ...click, event_id: "2" })}`,
  ];
  edge.connection.publish(liveSubject(1), encodeLiveMessage(header, lines));
  await all.until(() => all.of("event").length === 2);
  expect(people.of("event")).toEqual([{ ...click, event_id: "1" }]);
  expect(all.of("event").map(({ event_id }) => event_id)).toEqual(["1", "2"]);
  people.close();
  all.close();
});
