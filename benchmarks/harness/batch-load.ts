// Load for the pipeline benchmark, in a process of its own: batches of 100 events whose ids never repeat, of
// 100,000 users. Request bodies are built once; only the ids' digits are written anew before each request, so
// that little of the machine goes to the generator. Prints a JSON line with its counts every second.
import { createConnection } from "node:net";

export interface BatchLoadOptions {
  port: number;
  key: string;
  connections: number;
  seconds: number;
  /** Requests a second; 0: closed loop, every connection sends when it has its answer. */
  requestsPerSecond: number;
  /** Makes the ids of this run differ from those of other runs. */
  run: string;
}

export interface BatchLoadProgress {
  elapsedMs: number;
  acknowledged: number;
  refused: number;
  done: boolean;
}

export const batchEvents = 100;
const requestsBuilt = 512;
const users = 100_000;
const idDigits = 12;
const countries = ["NL", "DE", "FR", "GB", "US", "CZ"];
const names = ["page_viewed", "item_added", "order_placed"];

interface Request {
  bytes: Buffer;
  idOffsets: number[];
}

function buildRequest(index: number, options: BatchLoadOptions): Request {
  const now = Date.now();
  const events = Array.from({ length: batchEvents }, (_, at) => {
    const number = index * batchEvents + at;
    return {
      event: names[number % names.length],
      user_id: `user-${Math.floor((number * 2_654_435_761) % users)}`,
      event_id: `${options.run}-${"#".repeat(idDigits)}`,
      timestamp: new Date(now - (number % 3_600) * 1_000).toISOString(),
      properties: {
        revenue: (number % 10_000) / 100,
        country: countries[number % countries.length],
        plan: "pro",
        url: `https://example.com/products/${number % 500}`,
        first: number % 2 === 0,
      },
    };
  });
  const body = JSON.stringify(events);
  const bytes = Buffer.from(
    `POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${options.key}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const idOffsets: number[] = [];
  const marker = "#".repeat(idDigits);
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + idDigits)) idOffsets.push(at);
  return { bytes, idOffsets };
}

function writeDigits(bytes: Buffer, offset: number, number: number): void {
  let rest = number;
  for (let at = offset + idDigits - 1; at >= offset; at -= 1) {
    bytes[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

async function run(options: BatchLoadOptions): Promise<void> {
  const requests = Array.from({ length: requestsBuilt }, (_, index) => buildRequest(index, options));
  let nextRequest = 0;
  let nextId = 0;
  let acknowledged = 0;
  let refused = 0;
  let running = true;
  let inFlight = 0;
  const startedAtMs = performance.now();
  const idle: (() => void)[] = [];

  const takeRequest = (): Buffer => {
    const request = requests[nextRequest % requestsBuilt] as Request;
    nextRequest += 1;
    for (const offset of request.idOffsets) writeDigits(request.bytes, offset, (nextId += 1));
    return request.bytes;
  };

  const closedLoop = options.requestsPerSecond === 0;
  for (let index = 0; index < options.connections; index += 1) {
    const send = (): void => {
      inFlight += 1;
      socket.write(takeRequest());
    };
    const socket = createConnection({
      port: options.port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(64 * 1024),
        callback: (_length: number, bytes: Uint8Array) => {
          inFlight -= 1;
          if (bytes["HTTP/1.1 ".length] === 50) acknowledged += batchEvents;
          else refused += batchEvents;
          if (!running) return true;
          if (closedLoop) send();
          else idle.push(send);
          return true;
        },
      },
    });
    socket.on("error", (error) => {
      throw error;
    });
    socket.on("connect", () => (closedLoop ? send() : idle.push(send)));
  }
  const report = (done: boolean): void => {
    const progress: BatchLoadProgress = {
      elapsedMs: Math.round(performance.now() - startedAtMs),
      acknowledged,
      refused,
      done,
    };
    console.log(JSON.stringify(progress));
  };
  const reporter = setInterval(() => report(false), 1_000);
  let pacer: NodeJS.Timeout | undefined;
  if (!closedLoop) {
    let sent = 0;
    pacer = setInterval(() => {
      const due = ((performance.now() - startedAtMs) / 1_000) * options.requestsPerSecond;
      while (sent < due) {
        const send = idle.pop();
        if (send === undefined) break;
        sent += 1;
        send();
      }
    }, 1);
  }
  await new Promise((resolve) => setTimeout(resolve, options.seconds * 1_000));
  running = false;
  clearInterval(pacer);
  for (let waited = 0; inFlight > 0 && waited < 300; waited += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  clearInterval(reporter);
  report(true);
  process.exit(0);
}

if (import.meta.main) await run(JSON.parse(process.argv[2] as string) as BatchLoadOptions);
