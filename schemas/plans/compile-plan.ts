// A plan's JSON Schema as a function that says how an event's properties differ from it.
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { RE2JS } from "re2js";
import { planLimits } from "./plan.ts";

export interface Violation {
  /** `properties.price`. */
  readonly path: string;
  /** The keyword that was broken, such as `type`, `required`, `minimum`. */
  readonly rule: string;
  readonly message: string;
}

/** Empty when the properties are as planned. */
export type CheckProperties = (properties: unknown) => readonly Violation[];

/** Compiled plans of one thread; the oldest are forgotten. */
const compiledMax = 2_000;
const compiled = new Map<string, CheckProperties>();

/** Patterns of users never backtrack. */
function linearRegExp(pattern: string): { test(text: string): boolean; toString(): string } {
  const program = RE2JS.compile(pattern);
  // The compiler keeps patterns apart by their text.
  return { test: (text) => program.matcher(text).find(), toString: () => pattern };
}
linearRegExp.code = "linearRegExp";

/** Throws what the compiler says about a schema that is none. */
export function compilePlan(schema: string): CheckProperties {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const check = compile(JSON.parse(schema) as object);
  if (compiled.size >= compiledMax) compiled.delete(compiled.keys().next().value as string);
  compiled.set(schema, check);
  return check;
}

function compile(schema: object): CheckProperties {
  // One for each: a compiler keeps what it compiled.
  const ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    validateFormats: true,
    ownProperties: true,
    code: { regExp: linearRegExp },
  });
  addFormats.default(ajv);
  // Names would be shared between schemas, and fetched.
  const { $id: _id, $schema: _schema, ...rest } = schema as Record<string, unknown>;
  const validate: ValidateFunction = ajv.compile({ type: "object", ...rest });
  return (properties) => {
    if (validate(properties)) return [];
    return (validate.errors ?? []).slice(0, planLimits.violationsMax).map(describe);
  };
}

function describe({ instancePath, keyword, params, message = "is not as planned" }: ErrorObject): Violation {
  const named = params as {
    missingProperty?: string;
    additionalProperty?: string;
    unevaluatedProperty?: string;
  };
  const inner = named.missingProperty ?? named.additionalProperty ?? named.unevaluatedProperty;
  const parts = instancePath.split("/").slice(1);
  if (inner !== undefined) parts.push(inner);
  const path = parts
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce(
      (before, part) => (/^\d+$/.test(part) ? `${before}[${part}]` : `${before}.${part}`),
      "properties",
    );
  return { path: path.slice(0, 200), rule: keyword, message: textOf(keyword, message) };
}

function textOf(keyword: string, message: string): string {
  if (keyword === "required") return "is required";
  if (keyword === "additionalProperties" || keyword === "unevaluatedProperties") return "is not planned";
  return message.slice(0, 300);
}

/** What an event says about its user travels among its properties, and is no part of its plan. */
export function plannedPart(properties: object): object {
  const {
    $set: _set,
    $set_once: _once,
    $unset: _unset,
    traits: _traits,
    ...rest
  } = properties as Record<string, unknown>;
  return rest;
}

export function describeViolations(violations: readonly Violation[]): string {
  return violations.map(({ path, message }) => `\`${path}\` ${message}`).join("; ");
}
