// Which events a graph of paths is made of: what a kept one depends on.
import type { ReadScope } from "../../cache/read-scope.ts";
import type { PathsRequest } from "./request.ts";

export function scopeOfPaths({ fromMs, endMs }: PathsRequest): ReadScope {
  return { events: [null], fromMs, endMs, rows: true };
}
