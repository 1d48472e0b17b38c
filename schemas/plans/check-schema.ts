// Is this JSON Schema one that may check millions of events? Its size is bounded with its references followed, its
// patterns run in linear time, and it loads nothing from elsewhere.
import { RE2JS } from "re2js";
import type { FieldProblem } from "../query/check.ts";
import { planLimits } from "./plan.ts";

type Json = Record<string, unknown>;

const refPattern = /^#\/(?:\$defs|definitions)\/[^/]+$/;
/** Not for plans: they load other documents, or make the cost of a check unbounded. */
const keywordsRefused = new Set([
  "$anchor",
  "$async",
  "$data",
  "$dynamicAnchor",
  "$dynamicRef",
  "$recursiveAnchor",
  "$recursiveRef",
  "$vocabulary",
]);
/** Members of these are names that the schema's author chose. */
const namesOfMembers = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
]);
/** Values of these are data, not schemas. */
const data = new Set(["const", "default", "enum", "examples"]);

/** What is wrong with it; empty when it may be compiled. */
export function checkSchema(schema: Json): FieldProblem[] {
  const problems: FieldProblem[] = [];
  let nodes = 0;
  const add = (path: string, message: string): void => void problems.push({ path: `schema${path}`, message });

  const visit = (
    value: unknown,
    path: string,
    depth: number,
    refs: readonly string[],
    isSchema: boolean,
  ): void => {
    if (problems.length > 0) return;
    nodes += 1;
    if (nodes > planLimits.nodesMax) {
      return add("", `has more than ${planLimits.nodesMax} parts with its references followed`);
    }
    if (depth > planLimits.depthMax) return add(path, `is nested deeper than ${planLimits.depthMax} levels`);
    if (Array.isArray(value)) {
      for (const [index, each] of value.entries())
        visit(each, `${path}[${index}]`, depth + 1, refs, isSchema);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value as Json)) {
      const at = `${path}.${name}`.slice(0, 200);
      if (!isSchema) {
        visit(member, at, depth + 1, refs, true);
      } else if (keywordsRefused.has(name)) {
        add(at, "is a keyword that plans do not take");
      } else if (name === "$ref") {
        follow(member, at, depth, refs);
      } else if (name === "pattern") {
        checkPattern(member, at);
      } else if (!data.has(name)) {
        if (name === "patternProperties")
          for (const pattern of Object.keys(Object(member))) checkPattern(pattern, at);
        visit(member, at, depth + 1, refs, !namesOfMembers.has(name));
      }
    }
  };
  const follow = (ref: unknown, path: string, depth: number, refs: readonly string[]): void => {
    if (typeof ref !== "string" || !refPattern.test(ref)) {
      return add(path, "must be of the form #/$defs/name");
    }
    if (refs.includes(ref)) return add(path, "refers to itself; plans are not recursive");
    const [, place = "", name = ""] = ref.split("/");
    const target = (schema[place] as Json | undefined)?.[name.replaceAll("~1", "/").replaceAll("~0", "~")];
    if (target === undefined) return add(path, "refers to what is not there");
    visit(target, path, depth + 1, [...refs, ref], true);
  };
  const checkPattern = (pattern: unknown, path: string): void => {
    if (typeof pattern !== "string" || pattern.length > planLimits.patternLengthMax) {
      return add(path, `must be a text of at most ${planLimits.patternLengthMax} characters`);
    }
    try {
      RE2JS.compile(pattern);
    } catch (error) {
      add(
        path,
        `is not a pattern of RE2: ${error instanceof Error ? error.message.slice(0, 200) : "unknown"}`,
      );
    }
  };

  if (JSON.stringify(schema).length > planLimits.schemaBytesMax) {
    return [{ path: "schema", message: `is larger than ${planLimits.schemaBytesMax} bytes` }];
  }
  const { type = "object" } = schema;
  if (type !== "object")
    return [{ path: "schema.type", message: 'must be "object": it describes properties' }];
  visit(schema, "", 0, [], true);
  return problems;
}
