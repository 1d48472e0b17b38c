// A plan's JSON Schema as a function that says how an event's properties differ from it. What schemas and senders choose
// decides how long a check takes: it is bounded, and an event above the bound differs.
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { RE2JS } from "re2js";
import {
  allViolationsCostMax,
  checkCostMax,
  costOf,
  PatternBudget,
  PlanCostError,
  weigh,
} from "./check-cost.ts";
import { planLimits } from "./plan.ts";

export interface Violation {
  /** `properties.price`. */
  readonly path: string;
  /** The keyword that was broken, such as `type`, `required`, `minimum`; `cost` when it would take too long to say. */
  readonly rule: string;
  readonly message: string;
}

/** Empty when the properties are as planned. */
export type CheckProperties = (properties: unknown) => readonly Violation[];

/** Compiled plans of one thread; the oldest are forgotten. */
const compiledMax = 2_000;
const compiled = new Map<string, CheckProperties>();

const patterns = new PatternBudget();
/** Patterns of formats are not ours, and one takes the square of a text's length: 0.4 s for a `url` of 30 KB. */
const formatLengthMax = 2_048;
/** What a format costs as if it were a pattern of that size, for every so many characters one more. */
const formatSize = 10;
const formatCharactersPerStep = 80;
/** Files as text: long, and looked at once. */
const longFormats = new Set(["byte", "binary"]);

/** Patterns of users never backtrack, and have a budget: 30 KB take 1.4 s at worst. */
function linearRegExp(pattern: string): { test(text: string): boolean; toString(): string } {
  const program = RE2JS.compile(pattern);
  const size = program.programSize();
  return {
    test: (text) => {
      patterns.spend(size, text.length);
      return program.matcher(text).find();
    },
    // The compiler keeps patterns apart by their text.
    toString: () => pattern,
  };
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

function compile(given: object): CheckProperties {
  // Names would be shared between schemas, and fetched.
  const { $id: _id, $schema: _schema, ...rest } = given as Record<string, unknown>;
  const schema = { type: "object", ...rest };
  const weight = weigh(schema);
  const validate = compileWith(schema, false);
  // Only for plans that are broken: compiling takes 2 ms, and 250 ms for the largest.
  let findAll: ValidateFunction | undefined;
  return (properties) => {
    const cost = costOf(schema, weight, properties);
    if (cost > checkCostMax) return tooCostly;
    patterns.refill();
    try {
      if (validate(properties)) return [];
      let { errors } = validate;
      if (cost <= allViolationsCostMax) {
        patterns.refill();
        findAll ??= compileWith(schema, true);
        findAll(properties);
        ({ errors } = findAll);
      }
      return (errors ?? []).slice(0, planLimits.violationsMax).map(describe);
    } catch (error) {
      if (error instanceof PlanCostError) return tooCostly;
      throw error;
    }
  };
}

const tooCostly: readonly Violation[] = [
  { path: "properties", rule: "cost", message: "are too many or too long for a plan with so many parts" },
];

function compileWith(schema: object, allErrors: boolean): ValidateFunction {
  // One for each: a compiler keeps what it compiled.
  const ajv = new Ajv2020({
    allErrors,
    strict: false,
    validateFormats: true,
    ownProperties: true,
    code: { regExp: linearRegExp },
  });
  addFormats.default(ajv);
  for (const [name, format] of Object.entries(ajv.formats)) {
    const isGood = format instanceof RegExp ? (text: string) => format.test(text) : format;
    if (typeof isGood !== "function" || longFormats.has(name)) continue;
    ajv.addFormat(name, (text: string) => {
      if (text.length > formatLengthMax) return false;
      patterns.spend(formatSize + text.length / formatCharactersPerStep, text.length);
      return Boolean(isGood(text));
    });
  }
  return ajv.compile(schema);
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
