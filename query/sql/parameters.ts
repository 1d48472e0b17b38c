// The parameters of one statement: values are bound here and travel beside the text, never inside it.

export type ParameterType =
  | "String"
  | "Float64"
  | "Bool"
  | "Int64"
  | "UInt32"
  | "UInt64"
  | "Array(String)"
  | "Array(Float64)"
  | "Array(Int64)"
  | "Array(UInt32)"
  | "Array(UInt64)"
  | "Array(UInt16)";

/** The store takes 128 KiB in one parameter (its http_max_field_value_size): longer lists go in pieces. */
const pieceBytesMax = 60_000;

/** Which time a statement reads, of stored events or of what is counted of them. */
export interface TimeRead {
  readonly isRaw: boolean;
  readonly fromMs: number;
  /** First instant after it. */
  readonly endMs: number;
}

/** Noted beside the values, so that whoever runs a statement can see what it needs. */
const reads = new WeakMap<object, TimeRead[]>();

export function readsOf(values: object): readonly TimeRead[] {
  return reads.get(values) ?? [];
}

export class Parameters {
  readonly values: Record<string, unknown> = {};
  readonly #placeholders = new Map<string, string>();
  #count = 0;

  /** What stands for `value` in the text; equal values of a statement share one parameter. */
  bind(type: ParameterType, value: unknown): string {
    const key = `${type} ${JSON.stringify(value)}`;
    const known = this.#placeholders.get(key);
    if (known !== undefined) return known;
    const placeholder =
      Array.isArray(value) && key.length > pieceBytesMax / 4
        ? this.#bindPieces(type, value)
        : this.#bindOne(type, value);
    this.#placeholders.set(key, placeholder);
    return placeholder;
  }

  noteRead(read: TimeRead): void {
    const noted = reads.get(this.values);
    if (noted === undefined) reads.set(this.values, [read]);
    else noted.push(read);
  }

  #bindOne(type: ParameterType, value: unknown): string {
    this.#count += 1;
    const name = `p${this.#count}`;
    this.values[name] = value;
    return `{${name}:${type}}`;
  }

  #bindPieces(type: ParameterType, values: readonly unknown[]): string {
    const pieces: string[] = [];
    let piece: unknown[] = [];
    let bytes = 0;
    for (const value of values) {
      const valueBytes = Buffer.byteLength(JSON.stringify(value)) + 3;
      if (piece.length > 0 && bytes + valueBytes > pieceBytesMax) {
        pieces.push(this.#bindOne(type, piece));
        piece = [];
        bytes = 0;
      }
      piece.push(value);
      bytes += valueBytes;
    }
    pieces.push(this.#bindOne(type, piece));
    return pieces.length === 1 ? (pieces[0] as string) : `arrayConcat(${pieces.join(", ")})`;
  }
}
