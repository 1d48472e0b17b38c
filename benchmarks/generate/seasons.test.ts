import { expect, test } from "vitest";
import { cumulateHours, pointsOfMass } from "./seasons.ts";

const from = Date.UTC(2026, 8, 1);
const days = 28;
const masses = cumulateHours(from, from + days * 86_400_000);

test("points ascend and cover the whole range", () => {
  const points = pointsOfMass(masses, { from: 0, to: 1 }, 1000);
  expect(points[0]).toBe(0);
  expect(points.at(-1)).toBe(days * 86_400_000);
  expect(points.toSorted((a, b) => a - b)).toEqual(points);
});

test("chunks meet: one ends where the next begins", () => {
  const first = pointsOfMass(masses, { from: 0, to: 0.37 }, 64);
  const second = pointsOfMass(masses, { from: 0.37, to: 1 }, 64);
  expect(first.at(-1)).toBe(second[0]);
});

test("noon has more than night, Tuesday more than Sunday, the end more than the beginning", () => {
  const mass = (hour: number): number => (masses[hour + 1] as number) - (masses[hour] as number);
  expect(mass(12)).toBeGreaterThan(5 * mass(3));
  const day = (index: number): number =>
    (masses[(index + 1) * 24] as number) - (masses[index * 24] as number);
  // 1 September 2026 is a Tuesday.
  expect(day(0)).toBeGreaterThan(1.4 * day(5));
  expect(day(21)).toBeGreaterThan(1.3 * day(0));
});
