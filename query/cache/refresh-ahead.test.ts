// What is made ahead, and when it is not.
import { expect, it } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import { projectLimitsDefault } from "#schemas/projects/limits.ts";
import { nothingExpired } from "../expiry/expiry.ts";
import { RefreshAhead } from "./refresh-ahead.ts";

function world() {
  const state = {
    limits: projectLimitsDefault,
    positions: "1",
    epoch: "0",
    settled: true,
    merged: false,
    sessionIdleMs: 1_800_000,
    expiry: nothingExpired,
  };
  const made: string[] = [];
  let nowMs = 0;
  const ahead = new RefreshAhead({
    stateOf: async () => ({ ...state }),
    log: createLogger({ level: "error", name: "test" }),
    now: () => nowMs,
  });
  const ask = (name: string, times = 1): void => {
    for (let time = 0; time < times; time += 1) ahead.note(name, 1, async () => void made.push(name));
  };
  return { state, made, ahead, ask, pass: (ms: number) => (nowMs += ms) };
}

it("makes what is asked often once, when what was being stored is stored", async () => {
  const { state, made, ahead, ask } = world();
  ask("often", 3);
  ask("seldom", 2);
  await ahead.refresh();
  expect(made).toEqual([]);
  await ahead.refresh();
  await ahead.refresh();
  expect(made).toEqual(["often"]);
  // While something arrives in every round: nothing.
  for (const positions of ["2", "3", "4"]) {
    state.positions = positions;
    await ahead.refresh();
  }
  state.settled = false;
  await ahead.refresh();
  await ahead.refresh();
  expect(made).toEqual(["often"]);
  state.settled = true;
  await ahead.refresh();
  await ahead.refresh();
  expect(made).toEqual(["often", "often"]);
});

it("forgets what nobody asks any more, and looks again when an hour begins", async () => {
  const { made, ahead, ask, pass } = world();
  ask("often", 3);
  pass(500_000);
  await ahead.refresh();
  await ahead.refresh();
  expect(made).toHaveLength(1);
  pass(200_000);
  await ahead.refresh();
  ask("often", 3);
  pass(2_950_000 - 60_000);
  ask("often", 3);
  await ahead.refresh();
  expect(made).toHaveLength(1);
  pass(60_000);
  await ahead.refresh();
  expect(made).toHaveLength(2);
});

it("makes a few in each round, and remembers a bounded number", async () => {
  const { made, ahead, ask } = world();
  for (let index = 0; index < 300; index += 1) ask(`q${index}`, 3);
  await ahead.refresh();
  for (let round = 1; round <= 3; round += 1) {
    await ahead.refresh();
    expect(made).toHaveLength(4 * round);
  }
  for (let round = 0; round < 100; round += 1) await ahead.refresh();
  expect(made).toHaveLength(256);
});

it("goes on when one cannot be made", async () => {
  const { made, ahead, ask } = world();
  for (let time = 0; time < 3; time += 1) ahead.note("broken", 1, () => Promise.reject(new Error("away")));
  ask("fine", 3);
  await ahead.refresh();
  await ahead.refresh();
  expect(made).toEqual(["fine"]);
});
