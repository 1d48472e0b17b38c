// The store's types of property values as the types of JSON, and paths as the names that filters take.
import type { PropertyType } from "#schemas/query/catalogue.ts";

/** Undefined for types that a property cannot have. */
export function propertyTypeOf(storeType: string): PropertyType | undefined {
  if (storeType.startsWith("Array") || storeType.startsWith("Tuple")) return "list";
  if (storeType.startsWith("JSON") || storeType.startsWith("Map")) return "object";
  if (storeType === "Bool") return "boolean";
  if (/^(U?Int|Float|Decimal)/.test(storeType)) return "number";
  if (/^(String|FixedString|Date|UUID|IPv|Enum)/.test(storeType)) return "string";
  return undefined;
}

/** Keys that contain dots are stored with their dots escaped; a filter names them with dots. */
export function propertyNameOf(path: string): string {
  return path.replaceAll("%2E", ".");
}

/** A value as text in its JSON type, when the property has only one. */
export function exampleOf(text: string, types: readonly PropertyType[]): string | number | boolean {
  const [type] = types;
  if (types.length !== 1) return text;
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  const number = type === "number" && text !== "" ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : text;
}
