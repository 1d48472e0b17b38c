import { expect, it } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import { demandLimits, type DemandNotes, type DemandReply } from "#schemas/selectors/demand.ts";
import { hashSelector } from "#schemas/selectors/selector.ts";
import type { Wanted } from "./find-cover.ts";
import { SelectorDemand } from "./selector-demand.ts";

const log = createLogger({ level: "error", name: "test" });

function create(reply: () => DemandReply = () => ({ refused: [] })) {
  const told: DemandNotes[] = [];
  const clock = { ms: 1_000 };
  const demand = new SelectorDemand({
    send: (notes) => {
      told.push(notes);
      return Promise.resolve(reply());
    },
    log,
    now: () => clock.ms,
  });
  return { demand, told, clock };
}

function wanted(change: Partial<Wanted> = {}): Wanted {
  return { event: "order", filters: [], users: true, breakdown: "country", ...change };
}

it("adds up what is asked, and tells it once", async () => {
  const { demand, told } = create();
  demand.note(1, { missing: [wanted()], used: [], rows: 100 });
  demand.note(1, { missing: [wanted()], used: [], rows: 200 });
  demand.note(2, { missing: [wanted()], used: [], rows: 5 });
  await demand.tell();
  await demand.tell();
  expect(told).toHaveLength(1);
  expect(told[0]?.notes).toMatchObject([
    { projectId: 1, asked: 2, rows: 300, uses: 0, definition: { event: "order", breakdown: "country" } },
    { projectId: 2, asked: 1, rows: 5 },
  ]);
});

it("a question that lacks the same twice lacks it once, and shares its rows among different ones", async () => {
  const { demand, told } = create();
  demand.note(1, { missing: [wanted(), wanted(), wanted({ event: "visit" })], used: [], rows: 100 });
  await demand.tell();
  expect(told[0]?.notes.map(({ asked, rows }) => [asked, rows])).toEqual([
    [1, 50],
    [1, 50],
  ]);
});

it("asks for the next one where the most general cannot be kept, until that may be tried again", async () => {
  const filters = [{ property: "url", operator: "eq" as const, value: "/" }];
  const asked = wanted({ breakdown: undefined, filters });
  const hash = hashSelector({ event: "order", filters: [], breakdown: "url" });
  const { demand, told, clock } = create(() => ({ refused: [{ projectId: 1, hash, untilMs: 5_000 }] }));
  for (const ms of [1_000, 2_000, 6_000]) {
    clock.ms = ms;
    demand.note(1, { missing: [asked], used: [], rows: 1 });
    await demand.tell();
  }
  expect(told.map(({ notes }) => notes[0]?.definition.breakdown)).toEqual(["url", undefined, "url"]);
  // Of another project nothing is known.
  clock.ms = 2_000;
  demand.note(2, { missing: [asked], used: [], rows: 1 });
  await demand.tell();
  expect(told.at(-1)?.notes[0]?.definition.breakdown).toBe("url");
});

it("is bounded, and one project does not take the room of others", async () => {
  const { demand, told } = create();
  for (let index = 0; index < 5_000; index += 1) {
    demand.note(1, { missing: [wanted({ event: `e${index}` })], used: [], rows: 1 });
  }
  demand.note(2, { missing: [wanted()], used: [], rows: 1 });
  await demand.tell();
  const notes = told[0]?.notes ?? [];
  expect(notes.length).toBeLessThanOrEqual(demandLimits.notesMax);
  expect(notes.filter(({ projectId }) => projectId === 2)).toHaveLength(1);
});

it("goes on after it could not be told", async () => {
  let fails = true;
  const { demand, told } = create(() => {
    if (fails) throw new Error("nobody there");
    return { refused: [] };
  });
  demand.note(1, { missing: [wanted()], used: [], rows: 1 });
  await demand.tell();
  fails = false;
  demand.note(1, { missing: [wanted()], used: [], rows: 7 });
  await demand.tell();
  expect(told[1]?.notes).toMatchObject([{ asked: 1, rows: 7 }]);
});
