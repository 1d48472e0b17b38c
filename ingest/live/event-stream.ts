// A listener by server-sent events. What it has not read yet is bounded: a reader that is too slow is told so and
// disconnected, and never slows anybody else down.
import { MillraceError } from "#schemas/errors.ts";
import type { Exchange } from "../server/exchange.ts";
import type { LiveBatch, LiveNote, LiveSink } from "./live-sink.ts";

/** Beside what the socket itself holds; frames of one batch are shared by all listeners with the same filter. */
const unreadBytesMax = 1024 * 1024;
/** The server ends connections on which nothing was written for 10 s. */
const beatMs = 5_000;
/** When clients connect again after the stream has ended. */
const reconnectMs = 2_000;

const status = 200;

export class EventStream implements LiveSink {
  readonly #exchange: Exchange;
  readonly #onEnd: (error: MillraceError | undefined) => void;
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #isWriting = false;
  #isEnding = false;
  #beat: NodeJS.Timeout | undefined;

  /** `onEnd` is called once, with the error that ended it; without one the client has left. */
  constructor(exchange: Exchange, onEnd: (error: MillraceError | undefined) => void) {
    this.#exchange = exchange;
    this.#onEnd = onEnd;
  }

  start(): void {
    this.#exchange.onLeft(() => {
      clearInterval(this.#beat);
      if (!this.#isEnding) this.#onEnd(undefined);
      this.#isEnding = true;
    });
    this.#exchange.startStream(status, [
      ["Content-Type", "text/event-stream"],
      ["Cache-Control", "no-store"],
      // Proxies that hold answers back would hold events back.
      ["X-Accel-Buffering", "no"],
    ]);
    this.#beat = setInterval(() => this.#send(Buffer.from(":\n\n")), beatMs);
    this.#send(Buffer.from(`retry: ${reconnectMs}\n\n`));
  }

  tell(batch: LiveBatch): void {
    this.#send(batch.frames);
  }

  note({ type, data }: LiveNote): void {
    this.#send(frameOf(type, data));
  }

  end(error: MillraceError): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    clearInterval(this.#beat);
    this.#onEnd(error);
    this.#unread.length = 0;
    // Goes behind what the socket still holds, which goes out as long as the client reads.
    void this.#exchange.write(frameOf("end", { code: error.code, message: error.message }));
    this.#exchange.endStream(status);
  }

  #send(frame: Uint8Array): void {
    if (this.#isEnding) return;
    if (this.#unreadBytes + frame.byteLength > unreadBytesMax && this.#unread.length > 0) {
      this.end(new MillraceError("LISTENER_TOO_SLOW"));
      return;
    }
    this.#unread.push(frame);
    this.#unreadBytes += frame.byteLength;
    if (!this.#isWriting) this.#write();
  }

  #write(): void {
    const frame = this.#unread.shift();
    if (frame === undefined) return;
    this.#unreadBytes = Math.max(0, this.#unreadBytes - frame.byteLength);
    this.#isWriting = true;
    void this.#exchange.write(frame).then(() => {
      this.#isWriting = false;
      this.#write();
    });
  }
}

function frameOf(type: string, data: object): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}
