// HTTP load from a process of its own, over raw keep-alive sockets: requests are built beforehand and answers only
// counted, so that little of the machine goes to the generator. Prints one JSON line with the result.
// Closed loop: every connection sends its next request when it has its answer. Constant rate: requests are due at
// fixed instants, and latency counts from when a request was due, so that waiting in line is not hidden.
import { createConnection, type Socket } from "node:net";
import { createRequests, type RequestKind } from "./load-requests.ts";

export interface LoadOptions {
  port: number;
  connections: number;
  seconds: number;
  warmUpSeconds: number;
  /** Events a second in the constant-rate mode; 0: closed loop. */
  requestsPerSecond: number;
  kind: RequestKind;
  key: string;
}

export interface LoadResult {
  requests: number;
  failures: number;
  seconds: number;
  requestsPerSecond: number;
  latencyMs: { p50: number; p90: number; p99: number; max: number };
}

interface Connection {
  socket: Socket;
  dueAtMs: number;
  busy: boolean;
}

/** Latencies in tenths of a millisecond, up to ten seconds. */
class Latencies {
  readonly #counts = new Float64Array(100_001);
  #total = 0;
  #max = 0;

  add(ms: number): void {
    const slot = Math.min(100_000, Math.max(0, Math.round(ms * 10)));
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
    this.#total += 1;
    if (ms > this.#max) this.#max = ms;
  }

  get max(): number {
    return Math.round(this.#max * 10) / 10;
  }

  quantile(part: number): number {
    let left = Math.ceil(this.#total * part);
    for (const [slot, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return slot / 10;
    }
    return this.max;
  }
}

const statusDigitAt = "HTTP/1.1 ".length;

export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const { next, statusDigit } = createRequests(options.kind, options.key);
  let measuring = false;
  let answered = 0;
  let failures = 0;
  const latencies = new Latencies();
  const idle: Connection[] = [];
  const overdue: number[] = [];
  const closedLoop = options.requestsPerSecond === 0;
  let running = true;

  const send = (connection: Connection, dueAtMs: number): void => {
    connection.dueAtMs = dueAtMs;
    connection.busy = true;
    connection.socket.write(next());
  };
  const onAnswer = (connection: Connection, bytes: Uint8Array): void => {
    if (!connection.busy) return;
    connection.busy = false;
    const nowMs = performance.now();
    if (measuring) {
      answered += 1;
      if (bytes[statusDigitAt] !== statusDigit) failures += 1;
      latencies.add(nowMs - connection.dueAtMs);
    }
    if (!running) return;
    if (closedLoop) send(connection, nowMs);
    else if (overdue.length > 0) send(connection, overdue.shift() as number);
    else idle.push(connection);
  };

  const connections = await Promise.all(
    Array.from({ length: options.connections }, () => connect(options.port, onAnswer)),
  );
  let timer: NodeJS.Timeout | undefined;
  if (closedLoop) {
    const nowMs = performance.now();
    for (const connection of connections) send(connection, nowMs);
  } else {
    idle.push(...connections);
    const everyMs = 1000 / options.requestsPerSecond;
    let dueAtMs = performance.now();
    timer = setInterval(() => {
      for (const nowMs = performance.now(); dueAtMs <= nowMs; dueAtMs += everyMs) {
        const connection = idle.pop();
        if (connection === undefined) overdue.push(dueAtMs);
        else send(connection, dueAtMs);
      }
    }, 1);
  }
  await sleep(options.warmUpSeconds);
  measuring = true;
  const startedMs = performance.now();
  await sleep(options.seconds);
  const seconds = (performance.now() - startedMs) / 1000;
  measuring = false;
  running = false;
  clearInterval(timer);
  for (const { socket } of connections) socket.destroy();
  return {
    requests: answered,
    failures,
    seconds,
    requestsPerSecond: Math.round(answered / seconds),
    latencyMs: {
      p50: latencies.quantile(0.5),
      p90: latencies.quantile(0.9),
      p99: latencies.quantile(0.99),
      max: latencies.max,
    },
  };
}

/** Answers are small and one at a time, so each arrives in one piece. */
function connect(
  port: number,
  onAnswer: (connection: Connection, bytes: Uint8Array) => void,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(16 * 1024),
        callback: (_length, bytes) => {
          onAnswer(connection, bytes);
          return true;
        },
      },
    });
    const connection: Connection = { socket, dueAtMs: 0, busy: false };
    socket.on("connect", () => resolve(connection));
    socket.on("error", reject);
  });
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] as string) as LoadOptions;
  console.log(JSON.stringify(await generateLoad(options)));
}
