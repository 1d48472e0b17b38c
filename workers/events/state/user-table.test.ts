import { describe, expect, it } from "vitest";
import { UserTable } from "./user-table.ts";

const idle = 1800;

describe("UserTable", () => {
  it("answers numbers through growth, number 0 and the largest included", () => {
    const table = UserTable.create();
    for (let id = 0; id < 5_000; id += 1) table.set(id, id * 3, 1, id);
    table.set(9, 9, 9, 2 ** 32 - 2);
    for (let id = 0; id < 5_000; id += 1) expect(table.numberOf(id, id * 3, 1)).toBe(id);
    expect(table.numberOf(9, 9, 9)).toBe(2 ** 32 - 2);
    expect(table.numberOf(1, 2, 3)).toBe(-1);
    expect(table.size).toBe(5_001);
  });

  it.each([
    { name: "activity within the idle time continues", at: [1000, 1000 + idle], starts: [1000, 1000] },
    {
      name: "activity after the idle time starts anew",
      at: [1000, 1001 + idle],
      starts: [1000, 1001 + idle],
    },
    {
      name: "a late event shortly before belongs to the session",
      at: [5000, 4000, 5100],
      starts: [5000, 5000, 5000],
    },
    {
      name: "a late event from long before is its own session",
      at: [9000, 100, 9100],
      starts: [9000, 100, 9000],
    },
  ])("$name", ({ at, starts }) => {
    const table = UserTable.create();
    table.set(1, 2, 3, 7);
    expect(at.map((seconds) => table.touchSession(1, 2, 3, seconds, idle))).toEqual(starts);
  });

  it("gives who is not in the table no session that others would inherit", () => {
    const table = UserTable.create();
    expect(table.touchSession(1, 2, 3, 5000, idle)).toBe(5000);
    table.set(1, 2, 3, 0);
    expect(table.touchSession(1, 2, 3, 5100, idle)).toBe(5100);
  });
});
