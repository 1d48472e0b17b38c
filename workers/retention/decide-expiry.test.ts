import { expect, it } from "vitest";
import { aggregatesFromMs, projectsExpired, type ProjectPolicy } from "./decide-expiry.ts";

const policy = (projectId: number, rawDays: number | undefined, restoring: number[] = []): ProjectPolicy => ({
  projectId,
  rawDays,
  aggregateDays: undefined,
  archive: undefined,
  restoring: new Set(restoring),
});
const expired = (month: number, now: string, ...policies: ProjectPolicy[]): number[] =>
  projectsExpired(month, policies, Date.parse(now)).map(({ projectId }) => projectId);

it("a month goes so many days after its end, not before", () => {
  expect(expired(202_603, "2026-04-30T23:59:59.999Z", policy(1, 30))).toEqual([]);
  expect(expired(202_603, "2026-05-01T00:00:00.000Z", policy(1, 30))).toEqual([1]);
});

it("everybody by their own policy, and never without one", () => {
  const all = [policy(1, 30), policy(2, 31), policy(3, undefined), policy(4, 1)];
  expect(expired(202_603, "2026-05-01T00:00:00.000Z", ...all)).toEqual([1, 4]);
  expect(expired(0, "2026-05-01T00:00:00.000Z", ...all)).toEqual([1, 2, 4]);
});

it("nothing goes of a month that is back", () => {
  expect(
    expired(202_603, "2027-01-01T00:00:00.000Z", policy(1, 30, [202_603]), policy(2, 30, [202_604])),
  ).toEqual([2]);
});

it("counts are kept from the beginning of a month on", () => {
  const from = (days: number): string =>
    new Date(aggregatesFromMs(days, Date.parse("2026-11-23T02:00:00Z"))).toISOString();
  expect(from(1)).toBe("2026-11-01T00:00:00.000Z");
  expect(from(23)).toBe("2026-10-01T00:00:00.000Z");
  expect(from(365)).toBe("2025-11-01T00:00:00.000Z");
});
