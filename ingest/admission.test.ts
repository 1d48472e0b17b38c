import { describe, expect, it } from "vitest";
import { decidePaceMs } from "./admission.ts";

describe("decidePaceMs", () => {
  it.each([
    { lagMs: 0, paceMs: 0 },
    { lagMs: 2_000, paceMs: 0 },
    { lagMs: 3_000, paceMs: 50 },
    { lagMs: 4_000, paceMs: 100 },
    { lagMs: 8_000, paceMs: 300 },
    { lagMs: 600_000, paceMs: 300 },
  ])("holds answers back $paceMs ms when the oldest event waits $lagMs ms", ({ lagMs, paceMs }) => {
    expect(decidePaceMs(lagMs)).toBe(paceMs);
  });
});
