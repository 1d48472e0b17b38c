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
  | "Array(UInt16)";

export class Parameters {
  readonly values: Record<string, unknown> = {};
  readonly #placeholders = new Map<string, string>();
  #count = 0;

  /** The placeholder for `value`; equal values of a statement share one. */
  bind(type: ParameterType, value: unknown): string {
    const key = `${type} ${JSON.stringify(value)}`;
    const known = this.#placeholders.get(key);
    if (known !== undefined) return known;
    this.#count += 1;
    const name = `p${this.#count}`;
    const placeholder = `{${name}:${type}}`;
    this.values[name] = value;
    this.#placeholders.set(key, placeholder);
    return placeholder;
  }
}
