// What is thought of a question before it runs.
import { expect, it } from "vitest";
import { QueryCosts } from "./query-costs.ts";

const many = { events: 50_000_000, rows: true };

it("judges what was never asked by its rows, and everything else by what it took", () => {
  const costs = new QueryCosts();
  expect(costs.laneOf({ shape: "a", ...many })).toBe("heavy");
  expect(costs.laneOf({ shape: "a", ...many, rows: false })).toBe("light");
  expect(costs.laneOf({ shape: "a", ...many, events: 1_000_000 })).toBe("light");
  expect(costs.laneOf({ shape: undefined, events: 0, rows: false })).toBe("light");
  // Kept columns made it quick.
  costs.learn({ shape: "a", ...many }, 100);
  expect(costs.laneOf({ shape: "a", ...many })).toBe("light");
  expect(costs.laneOf({ shape: "b", ...many })).toBe("heavy");
});

it("expects more of a longer range, and follows what changes", () => {
  const costs = new QueryCosts();
  costs.learn({ shape: "a", ...many }, 250);
  expect(costs.laneOf({ shape: "a", ...many })).toBe("light");
  expect(costs.laneOf({ shape: "a", ...many, events: 100_000_000 })).toBe("heavy");
  costs.learn({ shape: "a", ...many }, 2_000);
  expect(costs.laneOf({ shape: "a", ...many })).toBe("heavy");
  for (let times = 0; times < 5; times += 1) costs.learn({ shape: "a", ...many }, 50);
  expect(costs.laneOf({ shape: "a", ...many })).toBe("light");
});

it("remembers a bounded number of shapes", () => {
  const costs = new QueryCosts();
  for (let index = 0; index < 10_001; index += 1) costs.learn({ shape: `s${index}`, ...many }, 1);
  expect(costs.laneOf({ shape: "s0", ...many })).toBe("heavy");
  expect(costs.laneOf({ shape: "s1", ...many })).toBe("light");
});

it("calls heavy what takes longer than light ones do, within bounds", () => {
  const costs = new QueryCosts();
  expect(costs.lightMsMax).toBe(300);
  for (let times = 0; times < 200; times += 1) costs.learn({ shape: "a", ...many }, 150);
  expect(costs.lightMsMax).toBeCloseTo(600, -1);
  // What is heavy does not count: whoever asks nothing else does not become light by it.
  for (let times = 0; times < 200; times += 1) costs.learn({ shape: "b", ...many }, 5_000);
  expect(costs.lightMsMax).toBeCloseTo(600, -1);
  expect(costs.laneOf({ shape: "b", ...many })).toBe("heavy");
  for (let times = 0; times < 400; times += 1) costs.learn({ shape: "c", ...many }, 500);
  expect(costs.lightMsMax).toBe(900);
});
