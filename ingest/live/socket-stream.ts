// A listener by WebSocket: the same as an event stream, each message one JSON object {"type","data"}. A client that
// cannot set headers names its key in the address or in its first frame.
import { MillraceError } from "#schemas/errors.ts";
import type { SocketConnection, SocketHandler } from "../server/sockets.ts";
import type { OpenListener } from "./live-hub.ts";
import type { LiveBatch, LiveNote, LiveSink } from "./live-sink.ts";

/** The server ends connections with more; so that there is room to say why. */
const unreadBytesMax = 512 * 1024;
const keyMsMax = 10_000;
const keyBytesMax = 1_024;

/** Close codes of RFC 6455, and of the range for applications. */
const closeCodes: Readonly<Record<string, number>> = {
  UNAUTHORIZED: 4401,
  FORBIDDEN: 4403,
  LISTENER_TOO_SLOW: 4429,
  TOO_MANY_LISTENERS: 1013,
  SERVICE_UNAVAILABLE: 1013,
  SHUTTING_DOWN: 1001,
};
const policyViolated = 1008;

export class SocketStream implements SocketHandler, LiveSink {
  readonly #connection: SocketConnection;
  readonly #listen: (key: string, sink: LiveSink) => Promise<OpenListener>;
  readonly #onEnd: (error: MillraceError | undefined) => void;
  readonly #keyTimer: NodeJS.Timeout;
  #begun = false;
  #ended = false;
  #listener: OpenListener | undefined;

  /** `listen` checks the key; `key` is empty when it comes with the first frame. */
  constructor(options: {
    connection: SocketConnection;
    key: string;
    listen: (key: string, sink: LiveSink) => Promise<OpenListener>;
    onEnd: (error: MillraceError | undefined) => void;
  }) {
    this.#connection = options.connection;
    this.#listen = options.listen;
    this.#onEnd = options.onEnd;
    this.#keyTimer = setTimeout(() => this.end(new MillraceError("UNAUTHORIZED")), keyMsMax);
    if (options.key !== "") this.#begin(options.key);
  }

  onFrame(bytes: Buffer): void {
    // Nothing more is expected: what comes later means nothing.
    if (!this.#begun) this.#begin(keyOf(bytes));
  }

  onClose(): void {
    clearTimeout(this.#keyTimer);
    if (this.#ended) return;
    this.#ended = true;
    this.#listener?.close();
    this.#onEnd(undefined);
  }

  onDrain(): void {
    this.end(new MillraceError("SHUTTING_DOWN"));
  }

  tell(batch: LiveBatch): void {
    for (const event of batch.events) {
      if (this.#ended) return;
      this.#send(`{"type":"event","data":${event}}`);
    }
  }

  note(note: LiveNote): void {
    this.#send(JSON.stringify(note));
  }

  end(error: MillraceError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#keyTimer);
    this.#listener?.close();
    const data = { code: error.code, message: error.message };
    this.#connection.send(JSON.stringify({ type: "end", data }));
    this.#connection.close(closeCodes[error.code] ?? policyViolated, error.code);
    this.#onEnd(error);
  }

  #begin(key: string): void {
    this.#begun = true;
    clearTimeout(this.#keyTimer);
    this.#open(key).catch((error: unknown) => {
      this.end(error instanceof MillraceError ? error : new MillraceError("INTERNAL", { cause: error }));
    });
  }

  async #open(key: string): Promise<void> {
    const listener = await this.#listen(key, this);
    if (this.#ended) {
      listener.close();
      return;
    }
    this.#listener = listener;
    await listener.opened;
    this.note({ type: "open", data: {} });
  }

  #send(text: string): void {
    if (this.#ended) return;
    if (this.#connection.unreadBytes > unreadBytesMax) {
      this.end(new MillraceError("LISTENER_TOO_SLOW"));
      return;
    }
    this.#connection.send(text);
  }
}

function keyOf(frame: Buffer): string {
  if (frame.length > keyBytesMax) return "";
  try {
    const { key } = JSON.parse(frame.toString()) as { key?: unknown };
    return typeof key === "string" ? key : "";
  } catch {
    return "";
  }
}
