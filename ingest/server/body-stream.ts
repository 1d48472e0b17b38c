// A large body on its way to somebody who takes it piece by piece. Its memory is the same few buffers again and again:
// a fresh one for each piece made 100 MB of garbage before the first collection.
import { MillraceError } from "#schemas/errors.ts";

/** As much as the server library reads at once. */
const bufferBytes = 512 * 1024;
/** Received and not asked for yet: past it the sender is held back. */
const aheadBytesMax = 512 * 1024;
/** Kept for the next bodies. */
const freeBuffersMax = 8;

const freeBuffers: Buffer[] = [];

export interface BodyStreamLimits {
  readonly bytesMax: number;
  /** Longest silence of the sender, in milliseconds. */
  readonly idleMs: number;
  /** The body is whole by then. */
  readonly deadlineMs: number;
}

/** The connection that the body comes from. */
export interface BodySource {
  pause(): void;
  resume(): void;
}

interface Piece {
  readonly buffer: Buffer;
  length: number;
}

/**
 * The bytes of a piece are valid until the next one is asked for. Fails with BODY_TOO_LARGE, REQUEST_TIMEOUT, or what
 * it was destroyed with.
 */
export class BodyStream implements AsyncIterable<Buffer> {
  readonly #source: BodySource;
  readonly #limits: BodyStreamLimits;
  readonly #deadline: NodeJS.Timeout;
  #idle: NodeJS.Timeout;
  #pieces: Piece[] = [];
  #ahead = 0;
  #received = 0;
  #lent: Piece | undefined;
  #isWhole = false;
  #isPaused = false;
  #failure: Error | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(source: BodySource, limits: BodyStreamLimits) {
    this.#source = source;
    this.#limits = limits;
    this.#deadline = setTimeout(() => this.#timeOut(), limits.deadlineMs);
    this.#idle = setTimeout(() => this.#timeOut(), limits.idleMs);
  }

  /** Everything was received. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Copies what the connection received. */
  take(received: ArrayBuffer, isLast: boolean): void {
    if (this.#failure !== undefined || this.#isWhole) return;
    this.#received += received.byteLength;
    if (this.#received > this.#limits.bytesMax) {
      this.destroy(new MillraceError("BODY_TOO_LARGE"));
      return;
    }
    this.#copy(new Uint8Array(received));
    clearTimeout(this.#idle);
    if (isLast) {
      this.#isWhole = true;
      clearTimeout(this.#deadline);
      // The end may come with what was read before the pause; the next request comes over the same connection.
      if (this.#isPaused) this.#source.resume();
      this.#isPaused = false;
    } else if (this.#ahead < aheadBytesMax) {
      this.#idle = setTimeout(() => this.#timeOut(), this.#limits.idleMs);
    } else if (!this.#isPaused) {
      // While we hold the sender back, silence is not its fault.
      this.#isPaused = true;
      this.#source.pause();
    }
    this.#tell();
  }

  /** Nothing more is taken; whoever reads gets the error. */
  destroy(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearTimeout(this.#idle);
    clearTimeout(this.#deadline);
    for (const piece of this.#pieces) keep(piece);
    this.#pieces = [];
    // Somebody may still be writing the lent piece somewhere: it is not used again.
    this.#lent = undefined;
    if (this.#isPaused) this.#source.resume();
    this.#isPaused = false;
    this.#tell();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    for (;;) {
      if (this.#lent !== undefined) keep(this.#lent);
      this.#lent = undefined;
      if (this.#failure !== undefined) throw this.#failure;
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#lent = piece;
        this.#ahead -= piece.length;
        this.#resume();
        yield piece.buffer.subarray(0, piece.length);
      } else if (this.#isWhole) {
        return;
      } else {
        this.#waiting = Promise.withResolvers();
        await this.#waiting.promise;
      }
    }
  }

  #copy(bytes: Uint8Array): void {
    this.#ahead += bytes.length;
    for (let at = 0; at < bytes.length;) {
      let last = this.#pieces.at(-1);
      if (last === undefined || last.length === last.buffer.length) {
        last = takePiece();
        this.#pieces.push(last);
      }
      const length = Math.min(bytes.length - at, last.buffer.length - last.length);
      last.buffer.set(bytes.subarray(at, at + length), last.length);
      last.length += length;
      at += length;
    }
  }

  #resume(): void {
    if (!this.#isPaused || this.#ahead >= aheadBytesMax) return;
    this.#isPaused = false;
    this.#idle = setTimeout(() => this.#timeOut(), this.#limits.idleMs);
    this.#source.resume();
  }

  #tell(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #timeOut(): void {
    this.destroy(new MillraceError("REQUEST_TIMEOUT"));
  }
}

function takePiece(): Piece {
  return { buffer: freeBuffers.pop() ?? Buffer.allocUnsafeSlow(bufferBytes), length: 0 };
}

function keep({ buffer }: Piece): void {
  if (freeBuffers.length < freeBuffersMax) freeBuffers.push(buffer);
}
