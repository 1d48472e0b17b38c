// A listener of the live feed for tests: collects what it is told, by event stream or WebSocket.
import { request, type IncomingMessage } from "node:http";

export interface Told {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

const waitMsMax = 20_000;

export class LiveListener {
  readonly told: Told[] = [];
  /** How it ended: the close code of a WebSocket, 0 for an event stream. */
  closed: number | undefined;
  /** Of the answer; 101 for a WebSocket. */
  status = 0;
  #source: IncomingMessage | WebSocket | undefined;
  #waiting: (() => void)[] = [];

  /** Resolves when the answer has begun. */
  static async stream(url: string, headers: Record<string, string> = {}): Promise<LiveListener> {
    const listener = new LiveListener();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { headers, agent: false }, resolve).on("error", reject).end();
    });
    listener.#source = response;
    listener.status = response.statusCode ?? 0;
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
      const frames = text.split("\n\n");
      text = frames.pop() as string;
      for (const frame of frames) {
        const match = /^event: (\w+)\ndata: (.*)$/.exec(frame);
        if (match) {
          listener.#tell({ type: match[1] as string, data: JSON.parse(match[2] as string) as Told["data"] });
        }
      }
    });
    response.on("close", () => listener.#end(0));
    response.on("error", () => undefined);
    return listener;
  }

  /** Resolves when it is connected. */
  static async socket(url: string, first?: object): Promise<LiveListener> {
    const listener = new LiveListener();
    const socket = new WebSocket(url.replace("http", "ws"));
    listener.#source = socket;
    socket.onmessage = (message) => listener.#tell(JSON.parse(String(message.data)) as Told);
    socket.onclose = ({ code }) => listener.#end(code);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("cannot connect"));
    });
    listener.status = 101;
    if (first !== undefined) socket.send(JSON.stringify(first));
    return listener;
  }

  of(type: string): Told["data"][] {
    return this.told.filter((each) => each.type === type).map(({ data }) => data);
  }

  /** Waits until `found` answers something. */
  async until<T>(found: () => T | undefined | false): Promise<T> {
    const deadline = Date.now() + waitMsMax;
    for (;;) {
      const value = found();
      if (value !== undefined && value !== false) return value;
      if (Date.now() > deadline) {
        throw new Error(`not told in time; told: ${JSON.stringify(this.told.slice(-20))}, ${this.closed}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Until `open` is told. */
  async opened(): Promise<this> {
    await this.until(() => this.of("open")[0]);
    return this;
  }

  /** Reads no more, as a client that hangs; event streams only. */
  stopReading(): void {
    (this.#source as IncomingMessage).pause();
  }

  readOn(): void {
    (this.#source as IncomingMessage).resume();
  }

  close(): void {
    if (this.#source instanceof WebSocket) this.#source.close();
    else this.#source?.destroy();
  }

  #tell(told: Told): void {
    this.told.push(told);
    this.#wake();
  }

  #end(code: number): void {
    this.closed = code;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
