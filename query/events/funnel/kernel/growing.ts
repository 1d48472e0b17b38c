// Arrays of numbers whose length is not known before.

const capacityFirst = 1024;

export class GrowingFloats {
  #values = new Float64Array(capacityFirst);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const values = new Float64Array(2 * this.#length);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  take(): Float64Array {
    return this.#values.slice(0, this.#length);
  }
}
