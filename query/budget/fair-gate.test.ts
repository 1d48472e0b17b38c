// Whose turn it is: counted and ordered, without a clock.
import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { FairGate, waitingMax, type Lane, type Place } from "./fair-gate.ts";

const stay = new AbortController().signal;
const turn = (projectId: number, lane: Lane = "light", atOnceMax = 100) => ({
  projectId,
  lane,
  atOnceMax,
  signal: stay,
});
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the gate", () => {
  it("lets the project with the fewest running go next, and each in the order it came", async () => {
    const gate = new FairGate({ light: 2, heavy: 1, background: 1 });
    const order: string[] = [];
    const places: Place[] = [];
    const ask = (projectId: number, name: string): void =>
      void gate.enter(turn(projectId)).then((place) => {
        order.push(name);
        places.push(place);
      });
    for (const name of ["a1", "a2", "a3", "a4", "a5"]) ask(1, name);
    for (const name of ["b1", "b2"]) ask(2, name);
    ask(3, "c1");
    for (let done = 0; done < 8; done += 1) {
      await settled();
      expect(gate.running("light")).toBe(Math.min(2, 8 - done));
      places[done]?.leave();
    }
    await settled();
    // a1 and a2 found free places. Then those who had none; a's third waits for them, however early it came.
    expect(order).toEqual(["a1", "a2", "b1", "c1", "a3", "b2", "a4", "a5"]);
  });

  it("keeps light queries going while heavy ones wait for each other", async () => {
    const gate = new FairGate({ light: 1, heavy: 1, background: 1 });
    const heavy = await gate.enter(turn(1, "heavy"));
    let second = false;
    void gate.enter(turn(1, "heavy")).then(() => (second = true));
    for (let count = 0; count < 50; count += 1) (await gate.enter(turn(2))).leave();
    expect(second).toBe(false);
    heavy.leave();
    await settled();
    expect(second).toBe(true);
  });

  it("gives the place of a light query that takes long to the next one, and counts it as heavy", async () => {
    const gate = new FairGate({ light: 1, heavy: 1, background: 1 });
    const slow = await gate.enter(turn(1));
    let light = false;
    void gate.enter(turn(2)).then(() => (light = true));
    slow.demote();
    await settled();
    expect([light, gate.running("light"), gate.running("heavy")]).toEqual([true, 1, 1]);
    let heavy = false;
    void gate.enter(turn(3, "heavy")).then(() => (heavy = true));
    await settled();
    expect(heavy).toBe(false);
    slow.leave();
    slow.leave();
    await settled();
    expect([heavy, gate.running("heavy")]).toEqual([true, 1]);
  });

  it("holds a project to its own number, whatever is free", async () => {
    const gate = new FairGate({ light: 10, heavy: 10, background: 1 });
    const places = [await gate.enter(turn(1, "light", 2)), await gate.enter(turn(1, "heavy", 2))];
    let third = false;
    void gate.enter(turn(1, "light", 2)).then(() => (third = true));
    await gate.enter(turn(2, "light", 2));
    await settled();
    expect(third).toBe(false);
    // What runs in the background does not keep people waiting.
    await gate.enter(turn(1, "background", 2));
    places[1]?.leave();
    await settled();
    expect(third).toBe(true);
  });

  it("refuses a project of which too many wait, and says when to come again", async () => {
    let nowMs = 0;
    const gate = new FairGate({ light: 1, heavy: 1, background: 1 }, () => nowMs);
    const place = await gate.enter(turn(1));
    for (let count = 0; count < waitingMax; count += 1) void gate.enter(turn(1));
    await expect(gate.enter(turn(1))).rejects.toMatchObject({
      code: "QUERY_LIMIT_EXCEEDED",
      retryAfterSeconds: 60,
    });
    // Others still have their turn next.
    const other = gate.enter(turn(2));
    nowMs = 20;
    place.leave();
    (await other).leave();
  });

  it("forgets who left while waiting", async () => {
    const gate = new FairGate({ light: 1, heavy: 1, background: 1 });
    const place = await gate.enter(turn(1));
    const leaving = new AbortController();
    const left = gate.enter({ ...turn(1), signal: leaving.signal }).catch((error: unknown) => error);
    const next = gate.enter(turn(1));
    expect(gate.waiting).toBe(2);
    leaving.abort();
    expect(await left).toBeInstanceOf(MillraceError);
    expect(gate.waiting).toBe(1);
    place.leave();
    (await next).leave();
    expect([gate.waiting, gate.running("light")]).toEqual([0, 0]);
  });

  it("ends with nothing held, whatever happens in whatever order", async () => {
    const gate = new FairGate({ light: 3, heavy: 2, background: 1 });
    const held = new Set<Place>();
    let entered = 0;
    for (let step = 0; step < 2_000; step += 1) {
      const lane = (["light", "light", "heavy", "background"] as const)[step % 4] as Lane;
      const leaving = new AbortController();
      gate.enter({ projectId: step % 7, lane, atOnceMax: 1 + (step % 3), signal: leaving.signal }).then(
        (place) => {
          entered += 1;
          held.add(place);
        },
        () => undefined,
      );
      if (step % 11 === 0) leaving.abort();
      if (step % 2 === 0) await settled();
      const [first] = held;
      if (step % 5 === 0) first?.demote();
      if (step % 3 === 0 && first !== undefined) {
        held.delete(first);
        first.leave();
      }
    }
    for (let round = 0; round < 5_000 && (held.size > 0 || gate.waiting > 0); round += 1) {
      for (const place of held) place.leave();
      held.clear();
      await settled();
    }
    expect([gate.waiting, gate.busy, gate.running("background")]).toEqual([0, 0, 0]);
    expect(entered).toBeGreaterThan(1_000);
  });
});
