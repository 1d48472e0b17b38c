// Does a new version of a plan break those who read the events? Avro's own resolution decides.
import avro from "avsc";
import type { Compatibility } from "./plan.ts";

/** Why the versions do not go together; undefined when they do. */
export function findBreak(before: object, after: object, compatibility: Compatibility): string | undefined {
  if (compatibility === "none") return undefined;
  const readsOld = (): string | undefined => resolutionError(after, before);
  const readsNew = (): string | undefined => resolutionError(before, after);
  if (compatibility === "backward")
    return explain(readsOld(), "the new version cannot read events of the old one");
  if (compatibility === "forward")
    return explain(readsNew(), "the old version cannot read events of the new one");
  return (
    explain(readsOld(), "the new version cannot read events of the old one") ??
    explain(readsNew(), "the old version cannot read events of the new one")
  );
}

function explain(error: string | undefined, what: string): string | undefined {
  return error === undefined ? undefined : `${what}: ${error}`;
}

function resolutionError(reader: object, writer: object): string | undefined {
  try {
    parse(reader).createResolver(parse(writer));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 300) : "unknown";
  }
}

/** Options are not shared: names are registered in them. */
function parse(schema: object): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, { wrapUnions: true });
}
