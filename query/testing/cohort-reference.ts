// For tests: what a cohort's definition means, as plainly as possible over the arrays of a random world.
import type { Filter, PropertyFilter } from "#schemas/query/filter.ts";
import { matchesProperty, type ReferenceEvent } from "./naive-reference.ts";
import { worldEvents, worldFromMs, type World } from "./random-world.ts";

const dayMs = 86_400_000;

interface TestWindow {
  days?: number;
  from?: number;
  to?: number;
}

type TestDid = TestWindow & {
  event?: string | null;
  filters?: Filter[];
  at_least?: number;
  at_most?: number;
};

export type TestDefinition =
  | { and: TestDefinition[] }
  | { or: TestDefinition[] }
  | { not: TestDefinition }
  | { did: TestDid }
  | { did_not: TestDid }
  | { first_seen: TestWindow & { event?: string | null } }
  | PropertyFilter
  | { cohort: string; negate?: boolean };

export function expectedMembers(world: World, definition: TestDefinition, nowMs: number): number[] {
  const everybody = new Set(world.events.map((event) => world.personOf(event.user)));
  const isIn = (event: ReferenceEvent, window: TestWindow): boolean => {
    const at = event.timestampMs;
    if (window.days !== undefined) return at >= nowMs - window.days * dayMs && at <= nowMs;
    return at >= (window.from ?? -Infinity) && at <= (window.to ?? Infinity);
  };
  const isNamed = (event: ReferenceEvent, name: string | null | undefined): boolean =>
    name === undefined || name === null || event.event === name;
  const eventsOf = (person: number): ReferenceEvent[] =>
    world.events.filter((event) => world.personOf(event.user) === person);

  const did = (person: number, rule: TestDid): boolean => {
    const times = eventsOf(person).filter(
      (event) => isNamed(event, rule.event) && isIn(event, rule) && world.matches(event, rule.filters ?? []),
    ).length;
    return times >= (rule.at_least ?? 1) && times <= (rule.at_most ?? Infinity);
  };

  const holds = (person: number, node: TestDefinition): boolean => {
    if ("and" in node) return node.and.every((each) => holds(person, each));
    if ("or" in node) return node.or.some((each) => holds(person, each));
    if ("not" in node) return !holds(person, node.not);
    if ("did" in node) return did(person, node.did);
    if ("did_not" in node) return !did(person, node.did_not);
    if ("first_seen" in node) {
      const named = eventsOf(person).filter((event) => isNamed(event, node.first_seen.event));
      const first = named.toSorted((left, right) => left.timestampMs - right.timestampMs)[0];
      return first !== undefined && isIn(first, node.first_seen);
    }
    if ("cohort" in node) {
      const members = [...(world.cohorts.get(node.cohort) ?? [])].map((user) => world.personOf(user));
      return members.includes(person) !== (node.negate === true);
    }
    if (node.on === "user") return matchesProperty(world.userValue(person, node.property), node);
    return eventsOf(person).some((event) => world.matches(event, [node]));
  };

  return [...everybody].filter((person) => holds(person, definition)).toSorted((left, right) => left - right);
}

export function randomDefinition(world: World, depth: number): TestDefinition {
  const { random } = world;
  if (depth > 0 && random.chance(0.6)) {
    const list = (): TestDefinition[] =>
      random.times(1 + random.below(3), () => randomDefinition(world, depth - 1));
    const kind = random.below(3);
    if (kind === 0) return { and: list() };
    return kind === 1 ? { or: list() } : { not: randomDefinition(world, depth - 1) };
  }
  const kind = random.below(10);
  if (kind < 4) return { did: randomDid(world) };
  if (kind < 6) return { did_not: randomDid(world) };
  if (kind < 8) return { first_seen: { ...randomWindow(world, true), ...randomName(world) } };
  const filter = world.randomFilters(0)[0];
  if (filter !== undefined && "property" in filter) return filter;
  if (filter !== undefined && "cohort" in filter) return filter;
  return { cohort: random.pick(["c1", "c2"]), negate: random.chance(0.4) };
}

function randomName(world: World): { event?: string | null } {
  if (world.random.chance(0.2)) return {};
  return { event: world.random.chance(0.2) ? null : world.random.pick(worldEvents) };
}

function randomDid(world: World): TestDid {
  const { random } = world;
  const atLeast = 1 + random.below(6);
  return {
    ...randomName(world),
    ...randomWindow(world, false),
    ...(random.chance(0.5) ? {} : { filters: world.randomFilters(1) }),
    ...(random.chance(0.4) ? { at_least: atLeast } : {}),
    ...(random.chance(0.2) ? { at_most: atLeast + random.below(5) } : {}),
  };
}

function randomWindow(world: World, required: boolean): TestWindow {
  const { random } = world;
  const kind = random.below(required ? 4 : 5);
  if (kind < 2) return { days: 1 + random.below(30) };
  const [from, to] = [world.randomInstant(), world.randomInstant()].toSorted((a, b) => a - b);
  if (kind === 2) return { from: from ?? worldFromMs, to: to ?? worldFromMs };
  if (kind === 3) return random.chance(0.5) ? { from: from ?? worldFromMs } : { to: to ?? worldFromMs };
  return {};
}
