// Between a parser, which hands over its pieces while it parses, and a reader, which takes its time: what one call of the
// parser yields is copied to the same memory again and again, and read before the next call.

/** As much as one piece of a body, and what a parser had kept of the one before. */
const bytesAtFirst = 520 * 1024;

export class CopiedPieces implements AsyncIterable<Buffer> {
  #memory = Buffer.allocUnsafeSlow(0);
  #length = 0;
  #isRead = true;
  #isWhole = false;
  #failure: Error | undefined;
  #change = Promise.withResolvers<void>();

  add(piece: Uint8Array): void {
    if (this.#failure !== undefined) return;
    if (this.#length + piece.length > this.#memory.length) this.#grow(this.#length + piece.length);
    this.#memory.set(piece, this.#length);
    this.#length += piece.length;
  }

  /** Resolves when everything added was read, and its memory may be written again; also when that cannot be any more. */
  async flush(): Promise<void> {
    if (this.#length === 0) return;
    this.#isRead = false;
    this.#tell();
    while (!this.#isRead && this.#failure === undefined) await this.#change.promise;
  }

  /** Nothing more is added. */
  end(): void {
    this.#isWhole = true;
    this.#tell();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#tell();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (!this.#isRead) {
        yield this.#memory.subarray(0, this.#length);
        this.#length = 0;
        this.#isRead = true;
        this.#tell();
      } else if (this.#isWhole && this.#length === 0) {
        return;
      } else {
        await this.#change.promise;
      }
    }
  }

  #grow(bytes: number): void {
    const memory = Buffer.allocUnsafeSlow(Math.max(bytes, bytesAtFirst));
    memory.set(this.#memory.subarray(0, this.#length));
    this.#memory = memory;
  }

  #tell(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
