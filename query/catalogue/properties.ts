// GET /v1/properties: what properties events and users have, for autocompletion.
import type { PropertyEntry } from "#schemas/query/catalogue.ts";
import type { Call } from "#streams/services.ts";
import { answerQuery } from "../answer-query.ts";
import { parseBody } from "../parse-body.ts";
import type { QueryContext } from "../query-context.ts";
import type { QueryRun } from "../store/query-run.ts";
import { pageOf, type Cursor } from "./cursor.ts";
import { findEventProperties, readEventExamples } from "./event-properties.ts";
import { readPropertiesRequest, type PropertiesRequest } from "./request.ts";
import { findUserProperties } from "./user-properties.ts";

export function properties(context: QueryContext, payload: Uint8Array, call: Call): Promise<object> {
  const kind = { read: readPropertiesRequest, answer: answerProperties };
  return answerQuery(kind, context, parseBody(payload), call);
}

export async function answerProperties(
  request: PropertiesRequest,
  run: QueryRun,
): Promise<{ properties: PropertyEntry[]; next: string | null }> {
  const [ofEvents, ofUsers] = await Promise.all([
    request.on === "user" ? [] : findEventProperties(request, run),
    request.on === "event" ? [] : findUserProperties(request.search, run),
  ]);
  const search = request.search.toLowerCase();
  const found = [
    ...ofEvents
      .filter(({ name }) => name.toLowerCase().includes(search))
      .map((entry): PropertyEntry => ({ ...entry, examples: [] })),
    ...ofUsers,
  ].sort((a, b) => compare(cursorOf(a), cursorOf(b)));
  const { after } = request;
  const rest = after === undefined ? found : found.filter((entry) => compare(cursorOf(entry), after) > 0);
  const { page, next } = pageOf(rest, request.limit, cursorOf);
  const examples = await readEventExamples(
    request,
    run,
    page.filter(({ on, count }) => on === "event" && count > 0),
  );
  return {
    properties: page.map((entry) =>
      entry.on === "event" ? { ...entry, examples: examples.get(entry.name) ?? [] } : entry,
    ),
    next,
  };
}

/** A property of events and one of users may have the same name. */
function cursorOf({ count, on, name }: PropertyEntry): Cursor {
  return { count, name: `${on} ${name}` };
}

function compare(a: Cursor, b: Cursor): number {
  if (a.count !== b.count) return b.count - a.count;
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
