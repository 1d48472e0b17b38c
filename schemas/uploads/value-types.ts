// The parameter `types` of uploads: what the values of a column are.
import { MillraceError } from "../errors.ts";

const valueTypes = ["string", "number", "boolean", "ignore"] as const;
export type ValueType = (typeof valueTypes)[number];

const columnsMax = 1_000;

function refuse(message: string): MillraceError {
  return new MillraceError("INVALID_PARAMETER", { message, details: [{ parameter: "types" }] });
}

/** `price:number,code:string`, or a JSON object, as text or parsed. Throws INVALID_PARAMETER. */
export function parseTypes(value: unknown): Readonly<Record<string, ValueType>> {
  const entries =
    typeof value === "string" && !value.trimStart().startsWith("{") ? parseList(value) : parseObject(value);
  if (entries.length > columnsMax) throw refuse(`\`types\` names more than ${columnsMax} columns.`);
  const types: [string, ValueType][] = entries.map(([column, type]) => {
    const known = valueTypes.find((each) => each === type);
    if (column.includes("\0") || !column.isWellFormed())
      throw refuse("`types` names a column that no file has.");
    if (known === undefined) {
      throw refuse(
        `\`types\` gives the column \`${column.slice(0, 100)}\` a type that is none of ${valueTypes.join(", ")}.`,
      );
    }
    return [column, known];
  });
  return Object.fromEntries(types);
}

function parseList(text: string): [string, unknown][] {
  return text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      // Names may hold colons, types do not.
      const colon = part.lastIndexOf(":");
      if (colon <= 0) throw refuse("`types` must look like `price:number,code:string`, or be a JSON object.");
      return [part.slice(0, colon).trim(), part.slice(colon + 1).trim()];
    });
}

function parseObject(value: unknown): [string, unknown][] {
  let parsed = value;
  if (typeof value === "string") {
    try {
      parsed = JSON.parse(value);
    } catch {
      throw refuse("`types` is not valid JSON.");
    }
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw refuse("`types` must be an object of column names and types.");
  }
  return Object.entries(parsed);
}
