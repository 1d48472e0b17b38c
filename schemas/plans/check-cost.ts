// How much work the check of one event against a plan may be. A schema of a thousand parts under `items` visits each of
// the 15,000 numbers that fit into an event a thousand times: 6 s and 1.7 GB for one event, measured before there was
// this bound.
type Json = Record<string, unknown>;

/** In visits of one keyword of a schema with one value: 0.02 µs when it holds, up to 1 µs when it does not. */
export const checkCostMax = 50_000;
/** Above it only the first violation is told: each one that is told is an object. */
export const allViolationsCostMax = 5_000;
/** Comparisons of values, or steps of a pattern, that are as much work as one visit. */
const stepsPerVisit = 20;

export interface Weight {
  /** Keywords and members with references followed. */
  readonly visits: number;
  /** Some list is searched for equal members. */
  readonly comparesAll: boolean;
}

/** Of a schema that `checkSchema` let pass. */
export function weigh(schema: Json): Weight {
  let visits = 0;
  let comparesAll = false;
  const visit = (value: unknown): void => {
    visits += 1;
    if (Array.isArray(value)) return value.forEach(visit);
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value as Json)) {
      if (name === "uniqueItems") comparesAll = true;
      if (name === "$ref") visit(resolve(schema, member));
      else if (name === "enum" || name === "const") visits += countValues(member, Infinity) / stepsPerVisit;
      else visit(member);
    }
  };
  const { $defs: _defs, definitions: _definitions, ...rest } = schema;
  visit(rest);
  return { visits, comparesAll };
}

/** Members of lists and objects, nested ones too; counting ends at `max`. */
export function countValues(value: unknown, max: number): number {
  let count = 1;
  const open = [value];
  for (let at = open.pop(); at !== undefined && count <= max; at = open.pop()) {
    if (typeof at !== "object" || at === null) continue;
    for (const name in at as Json) {
      count += 1;
      const member = (at as Json)[name];
      if (typeof member === "object" && member !== null) open.push(member);
    }
  }
  return count;
}

/** At least what the check costs; exact enough when the rough bound is below `checkCostMax` already. */
export function costOf(schema: Json, weight: Weight, value: unknown): number {
  const values = countValues(value, checkCostMax);
  const rough = weight.visits * values + (weight.comparesAll ? values ** 2 / stepsPerVisit : 0);
  return rough <= allViolationsCostMax ? rough : new CostWalk(schema).visit(schema, value);
}

class CostWalk {
  readonly #root: Json;
  #cost = 0;

  constructor(root: Json) {
    this.#root = root;
  }

  /** The cost so far; ends early above `checkCostMax`. */
  visit(given: unknown, value: unknown): number {
    if (this.#cost > checkCostMax) return this.#cost;
    this.#cost += 1;
    if (typeof given !== "object" || given === null) return this.#cost;
    const schema = given as Json;
    for (const name in schema) this.#keyword(name, schema[name], value);
    if (Array.isArray(value)) this.#list(schema, value);
    else if (typeof value === "object" && value !== null) this.#object(schema, value as Json);
    return this.#cost;
  }

  #keyword(name: string, member: unknown, value: unknown): void {
    this.#cost += 1;
    if (name === "allOf" || name === "anyOf" || name === "oneOf") {
      for (const each of member as unknown[]) this.visit(each, value);
    } else if (name === "not" || name === "if" || name === "then" || name === "else") {
      this.visit(member, value);
    } else if (name === "dependentSchemas" || name === "dependencies") {
      for (const each of Object.values(Object(member) as Json)) this.visit(each, value);
    } else if (name === "$ref") {
      this.visit(resolve(this.#root, member), value);
    } else if (name === "enum" || name === "const") {
      this.#cost += countValues(member, Infinity) / stepsPerVisit;
    }
  }

  #list(schema: Json, list: readonly unknown[]): void {
    const { items, prefixItems } = schema;
    for (const [index, each] of list.entries()) {
      if (this.#cost > checkCostMax) return;
      if (Array.isArray(items)) this.visit(items[index], each);
      else if (items !== undefined) this.visit(items, each);
      if (Array.isArray(prefixItems)) this.visit(prefixItems[index], each);
      for (const name of ["additionalItems", "contains", "unevaluatedItems"]) {
        if (schema[name] !== undefined) this.visit(schema[name], each);
      }
    }
    // Of texts and numbers the compiler makes a table instead.
    if (schema["uniqueItems"] === true) {
      this.#cost += isScalar(items) ? list.length : list.length ** 2 / stepsPerVisit;
    }
  }

  #object(schema: Json, object: Json): void {
    const properties = Object(schema["properties"]) as Json;
    const patterned = Object.values(Object(schema["patternProperties"]) as Json);
    for (const name in object) {
      if (this.#cost > checkCostMax) return;
      const isNamed = Object.hasOwn(properties, name);
      if (isNamed) this.visit(properties[name], object[name]);
      for (const each of patterned) this.visit(each, object[name]);
      for (const other of ["additionalProperties", "unevaluatedProperties"]) {
        if (schema[other] !== undefined && !isNamed) this.visit(schema[other], object[name]);
      }
      if (schema["propertyNames"] !== undefined) this.visit(schema["propertyNames"], name);
    }
    for (const name of ["required", "dependentRequired"]) {
      if (schema[name] !== undefined) this.#cost += countValues(schema[name], Infinity) / stepsPerVisit;
    }
  }
}

/** Steps that patterns may still take in the check of this event. Their number is known before they are taken. */
export class PatternBudget {
  #left = 0;

  refill(): void {
    this.#left = checkCostMax * stepsPerVisit;
  }

  /** Throws PlanCostError. */
  spend(programSize: number, textLength: number): void {
    this.#left -= programSize * (textLength + 1);
    if (this.#left < 0) throw new PlanCostError();
  }
}

export class PlanCostError extends Error {}

function isScalar(items: unknown): boolean {
  const { type } = Object(items) as Json;
  const types = [type].flat();
  return type !== undefined && !types.includes("object") && !types.includes("array");
}

function resolve(root: Json, ref: unknown): unknown {
  const [, place = "", name = ""] = String(ref).split("/");
  return (root[place] as Json | undefined)?.[name.replaceAll("~1", "/").replaceAll("~0", "~")];
}
