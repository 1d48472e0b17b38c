// Sessions are read out of the events: a late event, a joined id, another pause and a kill of everything leave exactly the
// sessions that the events make.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, query } from "./ask.ts";
import { waitForTotal, type TrendsAnswer } from "./exactness.ts";
import { Installation, sleep } from "./installation.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

describe("sessions are those of the events", () => {
  let installation: Installation;
  const startMs = Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs;
  const range = { from: new Date(startMs).toISOString(), to: new Date(startMs + dayMs - 1).toISOString() };
  /** Minutes of the day at which somebody did something, by the id that it came with. */
  const sent: { id: string; minute: number; page: string }[] = [];

  beforeAll(async () => {
    installation = await Installation.create();
    installation.start();
    await installation.ready();
  });
  afterAll(() => installation?.destroy());

  async function send(events: typeof sent): Promise<void> {
    const body = events.map(({ id, minute, page }) => ({
      event: "viewed",
      ...(id.startsWith("device") ? { anonymous_id: id } : { user_id: id }),
      timestamp: new Date(startMs + minute * minuteMs).toISOString(),
      context: { page: { url: `https://shop.example/${page}` } },
    }));
    const answered = await ask(installation, "write", "POST", "/v1/events", body);
    expect(answered.status, JSON.stringify(answered.body)).toBe(202);
    sent.push(...events);
    await waitForTotal(installation, sent.length, range, 30_000);
  }

  /** What the events make, by hand: minutes of each person in order, cut where the pause is longer. */
  function expected(pauseMinutes: number, personOf = (id: string): string => id): object {
    const minutes = new Map<string, { minute: number; page: string }[]>();
    for (const { id, minute, page } of sent) {
      const person = personOf(id);
      minutes.set(person, [...(minutes.get(person) ?? []), { minute, page }]);
    }
    const lengths: number[] = [];
    const entries: Record<string, number> = {};
    for (const ofPerson of minutes.values()) {
      ofPerson.sort((left, right) => left.minute - right.minute);
      let [first, last] = [ofPerson[0], ofPerson[0]] as [
        { minute: number; page: string },
        { minute: number },
      ];
      const end = (): void => {
        lengths.push((last.minute - first.minute) * 60);
        const url = `https://shop.example/${first.page}`;
        entries[url] = (entries[url] ?? 0) + 1;
      };
      for (const each of ofPerson) {
        if (each.minute - last.minute > pauseMinutes) {
          end();
          first = each;
        }
        last = each;
      }
      end();
    }
    return {
      sessions: lengths.length,
      seconds: lengths.reduce((sum, length) => sum + length, 0),
      longest: Math.max(...lengths),
      entries,
    };
  }

  async function asked(): Promise<object> {
    const start = { event: "$session_start", property: "$session_duration" };
    const whole = await query<TrendsAnswer>(installation, "trends", {
      ...range,
      series: [
        { event: "$session_start", label: "sessions" },
        { ...start, label: "seconds", math: "sum" },
        { ...start, label: "longest", math: "max" },
      ],
    });
    const byPage = await query<{ series: { breakdown: string; total: number }[] }>(installation, "trends", {
      ...range,
      series: [{ event: "$session_start" }],
      breakdown: { property: "$session_entry_url" },
    });
    const [sessions, seconds, longest] = whole.series.map(({ total }) => total);
    const entries = Object.fromEntries(byPage.series.map(({ breakdown, total }) => [breakdown, total]));
    return { sessions, seconds, longest, entries };
  }

  const together = (id: string): string => (id === "device-1" ? "ann" : id);

  it("as they are cut by pauses", { timeout: 120_000 }, async () => {
    await send([
      { id: "ann", minute: 60, page: "home" },
      { id: "ann", minute: 80, page: "shoes" },
      // A pause of exactly its length is none, one minute more is.
      { id: "ann", minute: 110, page: "basket" },
      { id: "ann", minute: 141, page: "home" },
      { id: "bob", minute: 600, page: "offers" },
      { id: "device-1", minute: 170, page: "search" },
      { id: "device-1", minute: 300, page: "offers" },
    ]);
    expect(await asked()).toEqual(expected(30));
    expect(await asked()).toMatchObject({ sessions: 5 });
  });

  it("after an event that came late and fills a pause", { timeout: 60_000 }, async () => {
    await send([{ id: "ann", minute: 125, page: "late" }]);
    expect(await asked()).toEqual(expected(30));
    expect(await asked()).toMatchObject({ sessions: 4 });
  });

  it("after two ids turned out to be one person", { timeout: 60_000 }, async () => {
    const merged = await ask(installation, "admin", "POST", "/v1/users/ann/merge", { ids: ["device-1"] });
    expect(merged.status, JSON.stringify(merged.body)).toBe(200);
    expect(await asked()).toEqual(expected(30, together));
    expect(await asked()).toMatchObject({ sessions: 3 });
  });

  it("with another pause, about the past as well", { timeout: 60_000 }, async () => {
    const pause = async (minutes: number): Promise<number> =>
      (await ask(installation, "admin", "PATCH", "/v1/projects/default", { session_idle_minutes: minutes }))
        .status;
    expect(await pause(18)).toBe(200);
    expect(await asked()).toEqual(expected(18, together));
    expect(await pause(0)).toBe(400);
    expect(await asked()).toEqual(expected(18, together));
  });

  it("after a kill of everything", { timeout: 120_000 }, async () => {
    installation.killAll();
    while (installation.processes().length > 0) await sleep(100);
    installation.start();
    await installation.ready();
    expect(await asked()).toEqual(expected(18, together));
  });
});
