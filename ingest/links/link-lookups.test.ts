import { expect, test } from "vitest";
import type { ResolvedLink } from "#schemas/links/link.ts";
import { LinkLookups, lookupLimits } from "./link-lookups.ts";

/** Until all that waits may have gone. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2 * lookupLimits.everyMs));

function create() {
  const requests: { codes: string[]; answer: (failure?: Error) => Promise<void> }[] = [];
  const lookups = new LinkLookups(
    (addresses) =>
      new Promise((resolve, reject) => {
        requests.push({
          codes: addresses.map(({ code }) => code),
          async answer(failure) {
            // Only codes that begin with "l" are links.
            const linkOf = (code: string) =>
              code.startsWith("l") ? ({ code } as unknown as ResolvedLink) : null;
            if (failure === undefined) resolve(addresses.map(({ code }) => linkOf(code)));
            else reject(failure);
            await turn();
          },
        });
      }),
  );
  const ask = (code: string): Promise<string | undefined> =>
    lookups.resolve("", code).then((link) => link?.code);
  return { requests, ask };
}

test("what is asked in one turn goes together, and each gets its own answer", async () => {
  const { requests, ask } = create();
  const answers = Promise.all(["l1", "m1", "l2"].map(ask));
  await turn();
  expect(requests.map(({ codes }) => codes)).toEqual([["l1", "m1", "l2"]]);
  await requests[0]?.answer();
  expect(await answers).toEqual(["l1", undefined, "l2"]);
});

test("what is asked meanwhile gathers, within the bounds", async () => {
  const { requests, ask } = create();
  const answers: Promise<unknown>[] = [];
  for (let request = 0; request < lookupLimits.requestsMax; request += 1) {
    answers.push(ask(`l${request}`));
    await turn();
  }
  const waiting = lookupLimits.addressesMax + 10;
  for (let number = 0; number < waiting; number += 1) {
    answers.push(ask(`m${number}`));
    if (number % 50 === 0) await turn();
  }
  expect(requests.length).toBe(lookupLimits.requestsMax);
  await requests[0]?.answer();
  expect(requests.length).toBe(lookupLimits.requestsMax + 1);
  expect(requests.at(-1)?.codes.length).toBe(lookupLimits.addressesMax);
  await requests[1]?.answer();
  expect(requests.at(-1)?.codes.length).toBe(10);
  for (const { answer } of requests) await answer();
  expect(await Promise.all(answers)).toHaveLength(lookupLimits.requestsMax + waiting);
});

test("a failure is told to all who asked together, and the next are asked for again", async () => {
  const { requests, ask } = create();
  const answers = Promise.allSettled([ask("l1"), ask("l2")]);
  await turn();
  await requests[0]?.answer(new Error("away"));
  expect((await answers).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const again = ask("l1");
  await turn();
  await requests[1]?.answer();
  expect(await again).toBe("l1");
});
