// For tests: each sentence about stickiness and lifecycle, with the smallest events that tell it.
import { day, type Case } from "./interval-case.ts";

export const stickinessCases: Case[] = [
  {
    sentence: "people by the number of distinct intervals in which they did the event",
    given: [
      ["u1", "a", day(10, "01:00")],
      ["u1", "a", day(10, "02:00")],
      ["u2", "a", day(10)],
      ["u2", "a", day(12)],
      ["u3", "a", day(10)],
      ["u3", "other", day(11)],
    ],
    query: { event: "a", from: "2026-06-10", to: "2026-06-12" },
    expected: [
      [1, 2, 3],
      [2, 1, 1],
      [3, 0, 0],
    ],
  },
  {
    sentence: "`from` and `to` are exact",
    given: [
      ["u1", "a", day(10, "05:59")],
      ["u1", "a", day(10, "06:00")],
      ["u1", "a", day(11, "18:00")],
      ["u2", "a", day(10, "05:59")],
      ["u2", "a", "2026-06-11T18:00:00.001Z"],
    ],
    query: { event: "a", from: day(10, "06:00"), to: day(11, "18:00") },
    expected: [
      [1, 0, 1],
      [2, 1, 1],
    ],
  },
  {
    sentence: "intervals are those of the time zone, people those behind the ids",
    given: [
      ["u1", "a", day(10, "21:59")],
      ["u2", "a", day(10, "22:00")],
    ],
    joined: [["u2", "u1"]],
    query: { event: null, from: "2026-06-10", to: "2026-06-11", timezone: "Europe/Amsterdam" },
    expected: [
      [1, 0, 1],
      [2, 1, 1],
    ],
  },
];

export const lifecycleCases: Case[] = [
  {
    sentence:
      "new (first ever in i), returning (i-1 and i), resurrecting (i, not i-1, before), dormant (i-1, not i)",
    given: [
      ["u1", "a", day(10)],
      ["u1", "a", day(11)],
      ["u1", "a", day(13)],
      ["u2", "a", day(11)],
    ],
    query: { event: "a", from: "2026-06-10", to: "2026-06-13" },
    expected: {
      new: [1, 1, 0, 0],
      returning: [0, 1, 0, 0],
      resurrecting: [0, 0, 0, 1],
      dormant: [0, 0, -2, 0],
    },
  },
  {
    sentence: "the interval before the range, and all history, are looked at for the first bucket",
    given: [
      ["u1", "a", day(9)],
      ["u2", "a", day(9)],
      ["u2", "a", day(10)],
      ["u3", "a", "2001-01-01T00:00:00Z"],
      ["u3", "a", day(10)],
      ["u4", "a", day(8)],
    ],
    query: { event: "a", from: "2026-06-10", to: "2026-06-10" },
    expected: { new: [0], returning: [1], resurrecting: [1], dormant: [-1] },
  },
  {
    sentence: "first ever after the filters",
    given: [
      ["u1", "a", day(9), { paid: false }],
      ["u1", "a", day(10), { paid: true }],
    ],
    query: {
      event: "a",
      from: "2026-06-10",
      to: "2026-06-10",
      filters: [{ property: "paid", operator: "eq", value: true }],
    },
    expected: { new: [1], returning: [0], resurrecting: [0], dormant: [0] },
  },
  {
    sentence: "intervals are whole ones of the calendar, but nothing after `to` counts",
    given: [
      ["u1", "a", day(10, "00:00")],
      ["u1", "a", day(11, "18:01")],
      ["u2", "a", day(11, "18:00")],
    ],
    query: { event: "a", from: day(10, "12:00"), to: day(11, "18:00") },
    expected: { new: [1, 1], returning: [0, 0], resurrecting: [0, 0], dormant: [0, -1] },
  },
  {
    sentence: "weeks and months of the time zone, people behind the ids",
    given: [
      ["u1", "a", "2026-03-29T21:59:59.999Z"],
      ["u2", "a", "2026-03-29T22:00:00Z"],
      ["u3", "a", "2026-03-29T22:00:00Z"],
    ],
    joined: [["u2", "u1"]],
    query: { from: "2026-03-23", to: "2026-04-05", interval: "week", timezone: "Europe/Amsterdam" },
    expected: { new: [1, 1], returning: [0, 1], resurrecting: [0, 0], dormant: [0, 0] },
  },
];
