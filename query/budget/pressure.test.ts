import { describe, expect, it } from "vitest";
import { Pressure } from "./pressure.ts";

describe("Pressure", () => {
  function watch(): (nowMs: number, waiting: number, waitMs: number) => boolean {
    const gate = { waiting: 0, waitMs: 0 };
    let now = 0;
    const pressure = new Pressure(gate, () => now);
    return (nowMs, waiting, waitMs) => {
      Object.assign(gate, { waiting, waitMs });
      now = nowMs;
      return pressure.high;
    };
  }

  it("is high only when many wait, and for long", () => {
    const at = watch();
    expect(at(1, 15, 10_000)).toBe(false);
    expect(at(2, 100, 499)).toBe(false);
    expect(at(3, 16, 500)).toBe(true);
  });

  it("stays high while somebody still waits now and then", () => {
    const at = watch();
    at(0, 50, 5_000);
    expect(at(4_000, 0, 0)).toBe(true);
    expect(at(4_900, 3, 10)).toBe(true);
    expect(at(9_800, 2, 0)).toBe(true);
    expect(at(9_901, 2, 0)).toBe(false);
    expect(at(9_902, 3, 10)).toBe(false);
  });
});
