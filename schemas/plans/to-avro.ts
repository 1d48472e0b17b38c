// A plan's JSON Schema as an Avro record: what typed readers of the events are generated from, and what decides whether
// a new version breaks them.
type Json = Record<string, unknown>;
export type AvroSchema = string | AvroSchema[] | { readonly [name: string]: unknown };

const nameLengthMax = 200;
const integerMax = 2 ** 53;

/** Avro's names are letters, digits and underscores; the property's own name stays beside it. */
export function avroName(name: string): string {
  const cleaned = name.replaceAll(/[^A-Za-z0-9_]/g, "_").slice(0, nameLengthMax);
  return /^[A-Za-z_]/.test(cleaned) ? cleaned : `_${cleaned}`;
}

export function toAvro(event: string, schema: Json): Json {
  return new Converter(schema).record(schema, avroName(event)) as Json;
}

class Converter {
  readonly #root: Json;
  readonly #names = new Set<string>();

  constructor(root: Json) {
    this.#root = root;
  }

  record(schema: Json, name: string): AvroSchema {
    const members = Object.entries((schema["properties"] ?? {}) as Json);
    const required = new Set(Array.isArray(schema["required"]) ? (schema["required"] as string[]) : []);
    const own = this.#unique(name);
    const taken = new Set<string>();
    return {
      type: "record",
      name: own,
      fields: members.map(([property, member]) => {
        let field = avroName(property);
        while (taken.has(field)) field += "_";
        taken.add(field);
        const type = this.#type(member as Json, `${own}_${field}`);
        const planned = required.has(property) ? { type } : { type: optional(type), default: null };
        return { name: field, ...planned, ...(field === property ? {} : { property }) };
      }),
    };
  }

  #type(given: unknown, name: string): AvroSchema {
    const schema = this.#follow(given);
    if (schema === undefined) return "string";
    const choices = (schema["anyOf"] ?? schema["oneOf"]) as unknown[] | undefined;
    if (choices !== undefined)
      return union(choices.map((each, index) => this.#type(each, `${name}_${index}`)));
    const { type } = schema;
    if (Array.isArray(type)) {
      return union(type.map((each) => this.#type({ ...schema, type: each as string }, name)));
    }
    const values = schema["const"] === undefined ? schema["enum"] : [schema["const"]];
    if (Array.isArray(values)) return this.#values(values, name);
    switch (type ?? (schema["properties"] === undefined ? undefined : "object")) {
      case "null":
        return "null";
      case "boolean":
        return "boolean";
      case "integer":
        return "long";
      case "number":
        return "double";
      case "array":
        return { type: "array", items: this.#type(schema["items"] ?? {}, `${name}_item`) };
      case "object": {
        if (schema["properties"] !== undefined) return this.record(schema, name);
        const values = schema["additionalProperties"];
        return { type: "map", values: this.#type(typeof values === "object" ? values : {}, `${name}_value`) };
      }
      default:
        // Texts, and what may be anything: JSON.
        return "string";
    }
  }

  #values(values: readonly unknown[], name: string): AvroSchema {
    const isName = (value: unknown): value is string =>
      typeof value === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value);
    if (values.length > 0 && values.every(isName)) {
      return { type: "enum", name: this.#unique(name), symbols: [...new Set(values)] };
    }
    const kinds = new Set(values.map((value) => kindOf(value)));
    return union([...kinds]);
  }

  #follow(given: unknown): Json | undefined {
    if (typeof given !== "object" || given === null) return undefined;
    const ref = (given as Json)["$ref"];
    if (typeof ref !== "string") return given as Json;
    const [, place = "", name = ""] = ref.split("/");
    return this.#follow(
      (this.#root[place] as Json | undefined)?.[name.replaceAll("~1", "/").replaceAll("~0", "~")],
    );
  }

  /** A name stands for one type in a document. */
  #unique(name: string): string {
    let own = name.slice(0, nameLengthMax);
    for (let count = 2; this.#names.has(own); count += 1) own = `${name.slice(0, nameLengthMax)}_${count}`;
    this.#names.add(own);
    return own;
  }
}

function kindOf(value: unknown): AvroSchema {
  if (value === null) return "null";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number")
    return Number.isInteger(value) && Math.abs(value) < integerMax ? "long" : "double";
  return "string";
}

function optional(type: AvroSchema): AvroSchema {
  const branches = Array.isArray(type) ? type : [type];
  return ["null", ...branches.filter((each) => each !== "null")];
}

/** Avro's unions hold each unnamed type once and no unions. */
function union(types: readonly AvroSchema[]): AvroSchema {
  const branches = new Map<string, AvroSchema>();
  for (const type of types.flat() as AvroSchema[]) {
    const key = typeof type === "string" ? type : keyOf(type as Json);
    if (!branches.has(key)) branches.set(key, type);
  }
  const list = [...branches.values()];
  return list.length === 1 ? (list[0] as AvroSchema) : list;
}

function keyOf({ type, name }: Json): string {
  return name === undefined ? String(type) : `${String(type)} ${String(name)}`;
}
