// A list of 32-bit numbers that grows.

const roomFirst = 64;

export class GrowingNumbers {
  length = 0;
  #values = new Uint32Array(roomFirst);

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Uint32Array(2 * this.length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length] = value;
    this.length += 1;
  }

  get values(): Uint32Array {
    return this.#values.subarray(0, this.length);
  }
}
