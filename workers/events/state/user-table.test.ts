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

  it("forgets users, and finds all others afterwards", () => {
    const seed = Date.now() >>> 0;
    let state = seed;
    const below = (limit: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % limit;
    };
    const table = UserTable.create();
    const plain = new Map<string, number>();
    // Few first words and many users: long runs of slots, around the table's end as well.
    for (let round = 0; round < 20_000; round += 1) {
      const words: [number, number, number] = [1020 + below(8), below(20), below(4)];
      const key = words.join();
      if (below(2) === 0) {
        table.set(...words, round);
        plain.set(key, round);
      } else {
        expect(table.remove(...words), `seed ${seed} round ${round}`).toBe(plain.delete(key));
      }
      expect(table.size).toBe(plain.size);
    }
    for (const [key, number] of plain) {
      expect(table.numberOf(...(key.split(",").map(Number) as [number, number, number]))).toBe(number);
    }
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
