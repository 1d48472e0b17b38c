// Which events an answer of lifecycle is made of: what a kept one depends on. Who is new is decided by all history.
import { areSets } from "../../people/person-set.ts";
import { allBefore, type ReadScope } from "../../cache/read-scope.ts";
import type { LifecycleRequest } from "./request.ts";

export function scopeOfLifecycle({ selector, endMs }: LifecycleRequest): ReadScope {
  return { events: [selector.event], ...allBefore(endMs), rows: !areSets(selector.filters) };
}
