// Events over a WebSocket, against a real log: answers in order, what was acknowledged is there, and a sender that
// does not keep to the rules is told so.
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { frameLimits } from "./events/receive-frames.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "./testing/start-edge.ts";

interface Answer {
  ack?: number;
  accepted?: number;
  rejected?: { index: number; code: string }[];
  error?: { code: string; message: string };
}

/** A client that collects what it is answered. */
class Client {
  readonly answers: Answer[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  #wake: (() => void) | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = (message) => {
      this.answers.push(JSON.parse(String(message.data)) as Answer);
      this.#wake?.();
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ code, reason });
    });
  }

  static async connect(port: number, key?: string): Promise<Client> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ingest`);
    const client = new Client(socket);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("cannot connect"));
    });
    if (key !== undefined) client.send({ key });
    return client;
  }

  send(frame: object | string | Uint8Array): void {
    if (frame instanceof Uint8Array) this.#socket.send(Buffer.from(frame));
    else this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  async answered(count: number): Promise<Answer[]> {
    while (this.answers.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.answers;
  }

  close(): void {
    this.#socket.close();
  }
}

let edge: EdgeUnderTest;

beforeAll(async () => {
  edge = await startEdge(inject("servers").natsUrl);
});

afterAll(() => edge.stop());

const event = (id: string): object => ({ event: "e", user_id: "u1", event_id: id });

async function inLog(prefix: string): Promise<string[]> {
  return (await readLog(edge.connection)).map((each) => each.event_id).filter((id) => id.startsWith(prefix));
}

test("each frame is answered in order once the log holds its events", async () => {
  const client = await Client.connect(edge.port, testKeys.write);
  client.send(event("ws-1"));
  client.send([event("ws-2"), { event: "e" }, event("ws-3")]);
  client.send("{ not json");
  client.send({ batch: [event("ws-4")] });
  client.send(new Uint8Array([1, 2, 3]));
  const answers = await client.answered(5);
  expect(answers).toMatchObject([
    { ack: 1, accepted: 1, rejected: [] },
    { ack: 2, accepted: 2, rejected: [{ index: 1, code: "USER_MISSING" }] },
    { ack: 3, accepted: 0, error: { code: "MALFORMED_JSON" } },
    { ack: 4, accepted: 1, rejected: [] },
    { ack: 5, accepted: 0, error: { code: "INVALID_BODY" } },
  ]);
  expect(await inLog("ws-")).toEqual(["ws-1", "ws-2", "ws-3", "ws-4"]);
  client.close();
});

test("a sender that waits for answers may send any number of frames", async () => {
  const client = await Client.connect(edge.port, testKeys.write);
  const frames = 500;
  let sent = 0;
  while (sent < frames) {
    while (sent < frames && sent - client.answers.length < frameLimits.unansweredMax) {
      client.send(event(`many-${sent}`));
      sent += 1;
    }
    await client.answered(Math.min(frames, sent - frameLimits.unansweredMax + 1));
  }
  const answers = await client.answered(frames);
  expect(answers.map(({ ack }) => ack)).toEqual(Array.from({ length: frames }, (_, index) => index + 1));
  expect(await inLog("many-")).toEqual(Array.from({ length: frames }, (_, index) => `many-${index}`));
  client.close();
});

test("more unanswered frames than allowed end the connection, with a reason; what was acknowledged is there", async () => {
  const client = await Client.connect(edge.port);
  // The key is looked up first, so the frames behind it wait.
  client.send({ key: testKeys.limited });
  for (let index = 0; index < frameLimits.unansweredMax + 20; index += 1)
    client.send(event(`flood-${index}`));
  expect((await client.closed).reason).toBe("TOO_MANY_FRAMES");
  expect(client.answers.at(-1)?.error?.code).toBe("TOO_MANY_FRAMES");
  const acknowledged = client.answers.filter(({ accepted }) => accepted === 1).length;
  expect((await inLog("flood-")).length).toBeGreaterThanOrEqual(acknowledged);
});

test("a project that is over its allowance is answered late, and loses nothing", async () => {
  const client = await Client.connect(edge.port, testKeys.limited);
  for (let index = 0; index < 15; index += 1) client.send(event(`slow-${index}`));
  const startedMs = performance.now();
  const answers = await client.answered(15);
  expect(answers.every(({ accepted }) => accepted === 1)).toBe(true);
  expect(performance.now() - startedMs).toBeGreaterThan(300);
  expect(await inLog("slow-")).toHaveLength(15);
  client.close();
});

test.each([
  ["a wrong key", { key: "nope" }, "UNAUTHORIZED"],
  ["a read key", { key: testKeys.read }, "FORBIDDEN"],
  ["no key", { event: "e", user_id: "u" }, "UNAUTHORIZED"],
  ["no JSON", "hello", "UNAUTHORIZED"],
])("%s is told and disconnected", async (_name, frame, code) => {
  const client = await Client.connect(edge.port);
  client.send(frame);
  expect((await client.closed).code).toBe(4401);
  expect(client.answers).toMatchObject([{ error: { code } }]);
});

test("a plain request is told to upgrade", async () => {
  const response = await fetch(`${edge.url}/v1/ingest`);
  expect(response.status).toBe(426);
  expect(await response.json()).toMatchObject({ error: { code: "UPGRADE_REQUIRED" } });
});

test("an edge that stops answers the frames that it took, then says goodbye", async () => {
  const stopping = await startEdge(inject("servers").natsUrl);
  const client = await Client.connect(stopping.port, testKeys.write);
  client.send(event("bye-0"));
  await client.answered(1);
  for (let index = 1; index < 20; index += 1) client.send(event(`bye-${index}`));
  await client.answered(2);
  await stopping.stop();
  expect((await client.closed).code).toBe(1001);
  const acknowledged = client.answers.filter(({ accepted }) => accepted === 1).length;
  expect(await inLog("bye-")).toHaveLength(acknowledged);
});
