// Many WebSockets from a process of their own: each sends frames of events and waits for their answers, a few of them
// ahead. Prints one JSON line with the result.
export interface SocketLoadOptions {
  readonly port: number;
  readonly key: string;
  readonly sockets: number;
  readonly seconds: number;
  readonly framesAhead: number;
  readonly eventsPerFrame: number;
}

export interface SocketLoadResult {
  readonly connectMs: number;
  readonly frames: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Closed by the other side before they were done. */
  readonly lost: number;
  readonly seconds: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Answers that the luckiest and the least lucky socket got. */
  readonly framesOfOne: { readonly min: number; readonly max: number };
}

interface Answer {
  readonly ack: number;
  readonly accepted: number;
  readonly rejected: readonly unknown[];
}

/** Handshakes at once: a server's queue of new connections is bounded. */
const opensAtOnce = 200;

async function generate(options: SocketLoadOptions): Promise<SocketLoadResult> {
  const { sockets, seconds, framesAhead } = options;
  const totals = { accepted: 0, rejected: 0, lost: 0 };
  const latencies: number[] = [];
  const frames = new Uint32Array(sockets);
  const startedMs = performance.now();
  const open: WebSocket[] = [];
  while (open.length < sockets) {
    const some = Array.from({ length: Math.min(opensAtOnce, sockets - open.length) }, () => connect(options));
    open.push(...(await Promise.all(some)));
  }
  const connectMs = Math.round(performance.now() - startedMs);
  const loadMs = performance.now();
  const endMs = loadMs + seconds * 1000;
  await Promise.all(
    open.map(
      (socket, index) =>
        new Promise<void>((resolve) => {
          const sentAtMs: number[] = [];
          let events = 0;
          const send = (): void => {
            sentAtMs.push(performance.now());
            socket.send(frameOf(index, events, options.eventsPerFrame));
            events += options.eventsPerFrame;
          };
          socket.onmessage = ({ data }) => {
            const answer = JSON.parse(data as string) as Answer;
            latencies.push(performance.now() - (sentAtMs.shift() as number));
            frames[index] = (frames[index] as number) + 1;
            totals.accepted += answer.accepted;
            totals.rejected += answer.rejected.length;
            if (performance.now() < endMs) send();
            else if (sentAtMs.length === 0) resolve();
          };
          socket.onclose = () => {
            if (sentAtMs.length > 0) totals.lost += 1;
            resolve();
          };
          for (let ahead = 0; ahead < framesAhead; ahead += 1) send();
        }),
    ),
  );
  const loadSeconds = (performance.now() - loadMs) / 1000;
  for (const socket of open) socket.close();
  latencies.sort((a, b) => a - b);
  const quantile = (part: number): number =>
    Math.round((latencies[Math.floor((latencies.length - 1) * part)] ?? 0) * 10) / 10;
  return {
    connectMs,
    frames: latencies.length,
    ...totals,
    seconds: loadSeconds,
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
    framesOfOne: { min: Math.min(...frames), max: Math.max(...frames) },
  };
}

async function connect({ port, key }: SocketLoadOptions): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ingest`);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("a socket could not be opened"));
  });
  socket.send(JSON.stringify({ key }));
  return socket;
}

function frameOf(socket: number, from: number, events: number): string {
  return JSON.stringify(
    Array.from({ length: events }, (_, index) => ({
      event: "sensor_read",
      user_id: `device-${socket}`,
      event_id: `${socket}-${from + index}`,
      properties: { reading: (from + index) % 100, unit: "C" },
    })),
  );
}

if (import.meta.main) {
  console.log(JSON.stringify(await generate(JSON.parse(process.argv[2] as string) as SocketLoadOptions)));
  process.exit(0);
}
