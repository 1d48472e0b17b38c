// OpenTelemetry's own exporters against the edge: they are told that nothing is kept, and how much that was, and they do
// not send it again.
import { OTLPLogExporter as JsonExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from "@opentelemetry/sdk-logs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { startRefusingProxy, type RefusingProxy } from "../testing/refusing-proxy.ts";
import { startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

let edge: EdgeUnderTest;

beforeAll(async () => {
  edge = await startEdge(inject("servers").natsUrl);
});

afterAll(async () => {
  await edge.stop();
});

interface Exported {
  readonly code: number;
  readonly error: Error | undefined;
}

/** What the exporter says of each of its requests. */
async function exportLogs(exporter: LogRecordExporter, records: number): Promise<Exported[]> {
  const exported: Exported[] = [];
  const watched: LogRecordExporter = {
    export: (batch, done) =>
      exporter.export(batch, (result) => {
        exported.push({ code: result.code, error: result.error });
        done(result);
      }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: async () => exporter.shutdown(),
  };
  const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter: watched })] });
  const logger = provider.getLogger("test");
  for (let index = 0; index < records; index += 1) {
    logger.emit({ body: `line ${index}`, severityText: "INFO", attributes: { index, price: 1.5 } });
  }
  await provider.forceFlush();
  await provider.shutdown();
  return exported;
}

test.each([
  {
    name: "JSON",
    create: (url: string, headers: Record<string, string>) => new JsonExporter({ url, headers }),
  },
  {
    name: "protobuf",
    create: (url: string, headers: Record<string, string>) => new ProtobufExporter({ url, headers }),
  },
])("logs in $name", async ({ create }) => {
  const headers = { authorization: `Bearer ${testKeys.write}` };
  const seen = await exportLogs(create(`${edge.url}/i/v1/logs`, headers), 700);
  expect(seen.map(({ code }) => code)).toEqual([0, 0]);
});

test("a wrong key is no success", async () => {
  const exporter = new JsonExporter({
    url: `${edge.url}/i/v1/logs`,
    headers: { authorization: "Bearer nobody" },
  });
  const [first] = await exportLogs(exporter, 1);
  expect(first?.error).toBeDefined();
});

async function post(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(edge.url + path, {
    method: "POST",
    body: body as string,
    headers: { authorization: `Bearer ${testKeys.write}`, "content-type": "application/json", ...headers },
  });
}

const threeLogs = { resourceLogs: [{ scopeLogs: [{ logRecords: [{}, {}] }, { logRecords: [{}] }] }] };

test("all records are counted as rejected, with the reason", async () => {
  const answers = [
    await post("/i/v1/logs", JSON.stringify(threeLogs)),
    await post("/i/v1/logs/", gzipSync(JSON.stringify(threeLogs)), { "content-encoding": "gzip" }),
    await post(`/i/v1/logs?token=${testKeys.write}`, JSON.stringify(threeLogs), { authorization: "" }),
  ];
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      partialSuccess: { rejectedLogRecords: "3", errorMessage: "Logs are not kept here." },
    });
  }
  const points = {
    resourceMetrics: [
      { scopeMetrics: [{ metrics: [{ gauge: { dataPoints: [{}] } }, { sum: { dataPoints: [{}, {}] } }] }] },
    ],
  };
  expect(await (await post("/i/v1/metrics", JSON.stringify(points))).json()).toEqual({
    partialSuccess: { rejectedDataPoints: "3", errorMessage: "Metrics are not kept here." },
  });
  expect(await (await post("/i/v1/metrics", "{}")).json()).toEqual({});
});

test("protobuf is answered in protobuf", async () => {
  const oneLog = Buffer.from([0x0a, 4, 0x12, 2, 0x12, 0]);
  const answer = await post("/i/v1/logs", oneLog, { "content-type": "application/x-protobuf" });
  expect(answer.headers.get("content-type")).toBe("application/x-protobuf");
  const said = Buffer.from("Logs are not kept here.");
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(
    Buffer.from([0x0a, 4 + said.length, 0x08, 1, 0x12, said.length, ...said]),
  );
  const wrong = await post("/i/v1/logs", "no protobuf", { "content-type": "application/x-protobuf" });
  expect(wrong.status).toBe(400);
});

test("whoever has no key is told so", async () => {
  const answer = await post("/i/v1/logs", JSON.stringify(threeLogs), { authorization: "" });
  expect(answer.status).toBe(401);
});

test("an exporter that is told does not send again", async () => {
  const proxy: RefusingProxy = await startRefusingProxy(edge.port);
  try {
    const headers = { authorization: `Bearer ${testKeys.write}` };
    await exportLogs(new ProtobufExporter({ url: `${proxy.url}/i/v1/logs`, headers }), 10);
    expect(proxy.seen.map(({ status }) => status)).toEqual([200]);
  } finally {
    await proxy.stop();
  }
});
