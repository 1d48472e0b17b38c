// Which events an answer of stickiness is made of: what a kept one depends on.
import type { ReadScope } from "../../cache/read-scope.ts";
import { areSets } from "../../people/person-set.ts";
import type { StickinessRequest } from "./request.ts";

export function scopeOfStickiness({ series, fromMs, endMs }: StickinessRequest): ReadScope {
  return {
    events: series.map(({ event }) => event),
    fromMs,
    endMs,
    rows: !series.every(({ filters }) => areSets(filters)),
  };
}
