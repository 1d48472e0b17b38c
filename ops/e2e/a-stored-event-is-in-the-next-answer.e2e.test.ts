// Whoever was told that an event is stored, or that ids are one person, finds it in the very next answer, of every kind
// of query, while others ask the same questions all the time and so have them kept.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, query } from "./ask.ts";
import { Installation, sleep } from "./installation.ts";

const events = 20;
const askers = 2;

interface Meta {
  meta: { cache: string };
}
type Trends = Meta & { series: { total: number }[] };

const sum = (values: readonly number[]): number => values.reduce((left, right) => left + right, 0);

describe("a stored event is in the next answer", () => {
  let installation: Installation;
  const told = new Map<string, number>();

  beforeAll(async () => {
    installation = await Installation.create();
    installation.start();
    await installation.ready();
  });
  afterAll(async () => {
    await installation.destroy();
  });

  async function answer<T extends Meta>(kind: string, body: object): Promise<T> {
    const answered = await query<T>(installation, kind, body);
    const { cache } = answered.meta;
    told.set(cache, (told.get(cache) ?? 0) + 1);
    return answered;
  }

  const total = async (body: object): Promise<number> =>
    (await answer<Trends>("trends", { series: [body] })).series[0]?.total ?? -1;

  /** Each counts the events, or the people, who are as many. */
  const questions: (() => Promise<number>)[] = [
    () => total({ event: "visit" }),
    () => total({ event: "visit", math: "unique_users" }),
    () => total({ event: "visit", math: "sum", property: "one" }),
    async () =>
      (
        await answer<Meta & { steps: { count: number }[] }>("funnel", {
          steps: [{ event: "visit" }, { event: "order" }],
        })
      ).steps[0]?.count ?? -1,
    async () =>
      (await answer<Meta & { series: { total: number }[] }>("stickiness", { event: "visit" })).series[0]
        ?.total ?? -1,
    async () => sum((await answer<Meta & { new: number[] }>("lifecycle", { event: "visit" })).new),
    async () =>
      sum(
        (
          await answer<Meta & { cohorts: { size: number }[] }>("retention", {
            target: { event: "visit" },
            type: "first_time",
            periods: 3,
          })
        ).cohorts.map(({ size }) => size),
      ),
  ];
  const everything = (): Promise<number[]> => Promise.all(questions.map((question) => question()));

  async function store(index: number): Promise<void> {
    const event = {
      event: "visit",
      user_id: `person-${index}`,
      event_id: `visit-${index}`,
      properties: { one: 1 },
    };
    const { status } = await ask(installation, "write", "POST", "/v1/events", event);
    expect(status).toBe(202);
    for (let tries = 0; tries < 1_000; tries += 1) {
      const receipt = await ask(installation, "read", "GET", `/v1/events/visit-${index}`);
      if ((receipt.body as { status: string }).status === "stored") return;
      await sleep(10);
    }
    throw new Error("the event was not stored");
  }

  it("after each event and each merge", { timeout: 240_000 }, async () => {
    let over = false;
    const others = Array.from({ length: askers }, async (_, lane) => {
      for (let turn = lane; !over; turn += 1) await questions[turn % questions.length]?.();
    });
    try {
      for (let index = 1; index <= events; index += 1) {
        await store(index);
        expect(await everything(), `after event ${index}`).toEqual(questions.map(() => index));
        // From what is kept now.
        expect(await everything(), `again after event ${index}`).toEqual(questions.map(() => index));
      }
      for (let joined = 2; joined <= 6; joined += 1) {
        const { status } = await ask(installation, "admin", "POST", "/v1/users/person-1/merge", {
          ids: [`person-${joined}`],
        });
        expect(status).toBe(200);
        const people = events - joined + 1;
        expect(await everything(), `after merge ${joined}`).toEqual([
          events,
          people,
          events,
          people,
          people,
          people,
          people,
        ]);
      }
    } finally {
      over = true;
      await Promise.allSettled(others);
    }
    console.log([...told].map(([cache, count]) => `${count} ${cache}`).join(", "));
    // Kept answers were given, or this would prove nothing of them.
    expect(told.get("hit")).toBeGreaterThan(events * questions.length);
  });
});
