// For integration tests: random events of people whose ids were joined, with properties and cohorts, and random
// filters over them; the same for the same seed. Made to hit what is easily wrong: equal timestamps, events that
// arrive late, joins that were undone, values that were set twice, changes of the clock within the range.
import type { Filter, FilterScalar, PropertyFilter } from "#schemas/query/filter.ts";
import { filterOperators } from "#schemas/query/filter.ts";
import { matchesProperty, valueOf, type ReferenceEvent } from "./naive-reference.ts";
import type { People } from "../people/people.ts";
import { RandomSource } from "./random-source.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export const worldEvents = ["visit", "sign up", "order", "cancel"] as const;
export const worldZones = ["UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata"] as const;
/** Two changes of the clock lie inside: 8 March (New York) and 29 March (Amsterdam). */
export const worldFromMs = Date.UTC(2026, 1, 20);
export const worldEndMs = Date.UTC(2026, 3, 10);

const countries = ["NL", "DE", "nl", "12", "true", "a'b\\c`d"];
const plans: readonly unknown[] = ["free", "pro", 12, true, { deep: 1 }];

/** One row of what was set on an id. */
export interface WorldUserProperty {
  readonly user: number;
  readonly property: string;
  readonly once: boolean;
  readonly atMs: number;
  /** Undefined: removed. */
  readonly value: unknown;
}

export interface World {
  readonly seed: number;
  readonly random: RandomSource;
  /** In the order of their arrival: many are late. */
  readonly events: readonly ReferenceEvent[];
  /** Person of each joined id, and ids whose join was undone with their own number. */
  readonly persons: ReadonlyMap<number, number>;
  readonly userProperties: readonly WorldUserProperty[];
  /** Numbers of ids by the cohort's public id. */
  readonly cohorts: ReadonlyMap<string, ReadonlySet<number>>;
  /** As the query tier would have loaded it. */
  readonly people: People;
  personOf(user: number): number;
  userValue(person: number, property: string): unknown;
  matches(event: ReferenceEvent, filters: readonly Filter[]): boolean;
  randomFilters(depth?: number): Filter[];
  /** Instants inside and around the world's time, often on whole hours or days. */
  randomInstant(): number;
}

export interface WorldOptions {
  readonly users?: number;
  readonly events?: number;
  /** True: ids are joined in any case; otherwise in most worlds. */
  readonly joined?: boolean;
}

export function createRandomWorld(seed: number, options: WorldOptions = {}): World {
  const random = new RandomSource(seed);
  const users = options.users ?? 40;
  const events = random.times(options.events ?? 1500, () => randomEvent(random, users));
  const persons = randomPersons(random, users, options.joined === true);
  const personOf = (user: number): number => persons.get(user) ?? user;
  const userProperties = randomUserProperties(random, users);
  const cohorts = new Map(
    ["c1", "c2"].map((id) => [id, new Set(random.times(users / 3, () => random.below(users)))]),
  );
  const cohortPersons = new Map([...cohorts].map(([id, ids]) => [id, new Set([...ids].map(personOf))]));
  const userValue = (person: number, property: string): unknown =>
    currentValue(userProperties.filter((row) => personOf(row.user) === person && row.property === property));
  const matches = (event: ReferenceEvent, filters: readonly Filter[]): boolean =>
    filters.every((filter) => {
      if ("or" in filter) return filter.or.some((inner) => matches(event, [inner]));
      const person = personOf(event.user);
      if ("cohort" in filter) {
        return cohortPersons.get(filter.cohort)?.has(person) !== (filter.negate === true);
      }
      const value =
        filter.on === "user" ? userValue(person, filter.property) : valueOf(event, filter.property);
      return matchesProperty(value, filter);
    });
  const people: People = {
    merged: persons.size > 0,
    cohorts: new Map([...cohorts.keys()].map((id, index) => [id, index + 1])),
  };
  return {
    seed,
    random,
    events,
    persons,
    userProperties,
    cohorts,
    people,
    personOf,
    userValue,
    matches,
    randomFilters: (depth = 2) =>
      random.chance(0.5) ? [] : random.times(1 + random.below(2), () => randomFilter(random, depth)),
    randomInstant: () => randomInstant(random),
  };
}

function randomEvent(random: RandomSource, users: number): ReferenceEvent {
  const properties: Record<string, unknown> = {};
  if (random.chance(0.8)) properties["country"] = random.pick(countries);
  if (random.chance(0.7)) properties["amount"] = random.below(30) - 5;
  if (random.chance(0.5)) properties["mixed"] = random.pick([1, 12, "12", "text", true, null, 0.5]);
  return {
    event: random.pick(worldEvents),
    user: random.below(users),
    timestampMs: randomInstant(random),
    properties,
    browser: random.pick(["", "Firefox", "Chrome"]),
  };
}

function randomInstant(random: RandomSource): number {
  const at = worldFromMs + random.next() * (worldEndMs - worldFromMs);
  const grid = random.pick([1, 1000, hourMs, hourMs, dayMs]);
  return Math.floor(at / grid) * grid;
}

function randomPersons(random: RandomSource, users: number, joined: boolean): Map<number, number> {
  const persons = new Map<number, number>();
  if (random.chance(0.3) && !joined) return persons;
  for (let count = (joined ? 3 : 0) + random.below(users / 3); count > 0; count -= 1) {
    const into = random.below(users);
    const user = random.below(users);
    // Persons stand for themselves: a map of maps would be no map of persons.
    if (persons.has(user) || persons.has(into) || [...persons.values()].includes(user)) continue;
    // A join that was undone is written with the id's own number.
    persons.set(user, random.chance(0.2) ? user : into);
  }
  return persons;
}

function randomUserProperties(random: RandomSource, users: number): WorldUserProperty[] {
  return random.times(users * 2, () => ({
    user: random.below(users),
    property: random.pick(["plan", "age"]),
    once: random.chance(0.3),
    // Distinct times: which of two settings at the same instant wins is not promised.
    atMs: worldFromMs + random.below(2 ** 30),
    value: random.chance(0.1) ? undefined : random.pick([...plans, random.below(5)]),
  }));
}

function currentValue(rows: readonly WorldUserProperty[]): unknown {
  const byTime = [...rows].sort((left, right) => left.atMs - right.atMs);
  const set = byTime.filter((row) => !row.once);
  return set.length > 0 ? set.at(-1)?.value : byTime[0]?.value;
}

function randomFilter(random: RandomSource, depth: number): Filter {
  if (depth > 0 && random.chance(0.2)) {
    return { or: random.times(1 + random.below(3), () => randomFilter(random, depth - 1)) };
  }
  if (random.chance(0.15)) return { cohort: random.pick(["c1", "c2"]), negate: random.chance(0.4) };
  const onUser = random.chance(0.3);
  const property = onUser
    ? random.pick(["plan", "age", "missing"])
    : random.pick(["country", "amount", "mixed", "missing", "$browser", "$event"]);
  const operator = random.pick(filterOperators);
  const filter: PropertyFilter = { property, operator, ...(onUser ? { on: "user" as const } : {}) };
  const scalar = (): FilterScalar =>
    random.pick<FilterScalar>([...countries, "free", "pro", 12, 3, true, "text", "Firefox", "order"]);
  switch (operator) {
    case "is_set":
    case "is_not_set":
      return filter;
    case "in":
    case "not_in":
      return { ...filter, value: random.times(random.below(4), scalar) };
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return { ...filter, value: random.pick<FilterScalar>([0, 12, 3, "12", "M"]) };
    default:
      return { ...filter, value: scalar() };
  }
}
