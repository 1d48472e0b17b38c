// Addresses that two operations could take: the one that is written out wins over the one with a parameter.
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import { operations } from "#schemas/operations/operations.ts";
import { serve } from "#streams/services.ts";
import { startEdge, testKeys, type EdgeUnderTest } from "./testing/start-edge.ts";

let edge: EdgeUnderTest;
let service: { stop(): Promise<void> };

const reads = operations.flatMap((operation) =>
  operation.method === "GET" &&
  operation.service?.subject.startsWith("svc.query.") === true &&
  operation.scope === "read" &&
  operation.service.stream !== true
    ? [{ path: operation.path, method: operation.service.subject.slice("svc.query.".length) }]
    : [],
);

beforeAll(async () => {
  edge = await startEdge(inject("servers").natsUrl);
  service = serve(edge.connection, {
    service: "query",
    log: createLogger({ level: "error", name: "test" }),
    methods: Object.fromEntries(reads.map(({ method }) => [method, async () => ({ method })])),
  });
});

afterAll(async () => {
  await service.stop();
  await edge.stop();
});

it("every address reaches its own operation", async () => {
  expect(reads.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["/v1/events/{event_id}", "/v1/events/names", "/v1/properties/values"]),
  );
  for (const { path, method } of reads) {
    const response = await fetch(`${edge.url}${path.replace(/\{\w+\}/g, "something")}`, {
      headers: { authorization: `Bearer ${testKeys.read}` },
    });
    expect(await response.json(), path).toEqual({ method });
  }
});
