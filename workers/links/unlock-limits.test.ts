import { expect, it } from "vitest";
import { UnlockLimits } from "./unlock-limits.ts";

async function tries(limits: UnlockLimits, addresses: readonly string[]): Promise<number> {
  const answers = await Promise.allSettled(addresses.map((address) => limits.take("lnk_1", address)));
  return answers.filter(({ status }) => status === "fulfilled").length;
}

it("gives a visitor ten tries, whatever address of its network it takes", async () => {
  const limits = new UnlockLimits(undefined);
  const network = (prefix: string): string[] =>
    Array.from({ length: 30 }, (_, index) => `${prefix}::${index + 1}`);
  expect(await tries(limits, network("2001:db8:0:1"))).toBe(10);
  expect(await tries(limits, network("2001:db8:0:2"))).toBe(10);
  expect(
    await tries(
      limits,
      Array.from({ length: 30 }, () => "192.0.2.1"),
    ),
  ).toBe(10);
  expect(
    await tries(
      limits,
      Array.from({ length: 30 }, (_, index) => `192.0.2.${index + 2}`),
    ),
  ).toBe(30);
});
