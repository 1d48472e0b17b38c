// For tests: each sentence about the rows and columns of retention, with the smallest events that tell it.
import { day, june, type Case } from "./interval-case.ts";

export const retentionCases: Case[] = [
  {
    sentence: "recurring: row i is everybody with a target event in interval i",
    given: [
      ["u1", "a", day(10)],
      ["u1", "a", day(10, "13:00")],
      ["u1", "a", day(11)],
      ["u2", "a", day(11)],
      ["u3", "other", day(10)],
      ["u4", "a", day(9)],
    ],
    query: june,
    expected: [[1, 1, 0], [2, 0], [0]],
  },
  {
    sentence:
      "first_time: row i is everybody whose first ever target event lies in interval i, before the range too",
    given: [
      ["u1", "a", day(10)],
      ["u1", "a", day(11)],
      ["u2", "a", day(11)],
      ["u2", "a", day(12)],
      ["u3", "a", "2019-02-03T00:00:00Z"],
      ["u3", "a", day(10)],
    ],
    query: { ...june, type: "first_time" },
    expected: [[1, 1, 0], [1, 1], [0]],
  },
  {
    sentence: "first_time: first after the target's filters",
    given: [
      ["u1", "a", day(1), { paid: false }],
      ["u1", "a", day(10), { paid: true }],
      ["u2", "a", day(1), { paid: true }],
      ["u2", "a", day(10), { paid: true }],
    ],
    query: {
      ...june,
      type: "first_time",
      target: { event: "a", filters: [{ property: "paid", operator: "eq", value: true }] },
    },
    expected: [[1, 0, 0], [0, 0], [0]],
  },
  {
    sentence: "first_time: first after the query's filters",
    given: [
      ["u1", "a", day(1), { paid: false }],
      ["u1", "a", day(10), { paid: true }],
    ],
    query: { ...june, type: "first_time", filters: [{ property: "paid", operator: "eq", value: true }] },
    expected: [[1, 0, 0], [0, 0], [0]],
  },
  {
    sentence: "column 0 is the row's size, also when target and returning events differ",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", day(10)],
      ["u1", "b", day(10)],
    ],
    query: { ...june, returning: { event: "b" } },
    expected: [[2, 0, 0], [0, 0], [0]],
  },
  {
    sentence: "column k is everybody of the row with a returning event in interval i+k",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", day(10)],
      ["u3", "a", day(11)],
      ["u1", "b", day(12)],
      ["u3", "b", day(12)],
      ["u4", "b", day(12)],
      ["u2", "a", day(12)],
    ],
    query: { ...june, returning: { event: "b" } },
    expected: [[2, 0, 1], [1, 1], [1]],
  },
  {
    sentence: "cumulative: in interval i+k or any later one",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", day(10)],
      ["u1", "b", day(12)],
      ["u2", "b", day(11)],
    ],
    query: { ...june, cumulative: true, returning: { event: "b" } },
    expected: [[2, 2, 1], [0, 0], [0]],
  },
  {
    sentence: "cumulative: only inside the range",
    given: [
      ["u1", "a", day(10)],
      ["u1", "b", day(13)],
      ["u2", "a", day(10)],
      ["u2", "b", day(12, "18:00")],
    ],
    query: { ...june, cumulative: true, returning: { event: "b" }, to: day(12, "17:59") },
    expected: [[2, 0, 0], [0, 0], [0]],
  },
  {
    sentence: "min_occurrences: an interval counts only with at least that many returning events",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", day(10)],
      ["u1", "b", day(11, "01:00")],
      ["u1", "b", day(11, "02:00")],
      ["u2", "b", day(11)],
      ["u2", "b", day(12)],
    ],
    query: { ...june, returning: { event: "b" }, min_occurrences: 2 },
    expected: [[2, 1, 0], [0, 0], [0]],
  },
  {
    sentence: "min_occurrences and cumulative: one later interval with that many is enough",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", day(10)],
      ["u1", "b", day(12, "01:00")],
      ["u1", "b", day(12, "02:00")],
      ["u2", "b", day(11)],
      ["u2", "b", day(12)],
    ],
    query: { ...june, returning: { event: "b" }, min_occurrences: 2, cumulative: true },
    expected: [[2, 1, 1], [0, 0], [0]],
  },
  {
    sentence: "intervals are calendar intervals in the query's time zone",
    given: [
      ["u1", "a", day(9, "21:59")],
      ["u2", "a", day(9, "22:00")],
      ["u2", "a", day(10, "21:59")],
      ["u3", "a", day(10, "21:59")],
      ["u3", "a", day(10, "22:00")],
    ],
    query: { ...june, timezone: "Europe/Amsterdam" },
    expected: [[2, 1, 0], [1, 0], [0]],
  },
  {
    sentence: "intervals have their true length when the clock changes",
    given: [
      // 29 March 2026 has 23 hours in Amsterdam: it ends at 22:00 UTC.
      ["u1", "a", "2026-03-28T22:59:59.999Z"],
      ["u1", "a", "2026-03-29T21:59:59.999Z"],
      ["u2", "a", "2026-03-29T21:59:59.999Z"],
      ["u2", "a", "2026-03-29T22:00:00Z"],
      ["u3", "a", "2026-03-28T23:00:00Z"],
    ],
    query: { ...june, from: "2026-03-28", timezone: "Europe/Amsterdam" },
    expected: [[1, 1, 0], [3, 1], [1]],
  },
  {
    sentence: "an hour that is lived twice is two intervals",
    given: [
      // 02:30 local time, twice.
      ["u1", "a", "2026-10-25T00:30:00Z"],
      ["u1", "a", "2026-10-25T01:30:00Z"],
    ],
    query: { ...june, from: "2026-10-25T00:00:00Z", period: "hour", timezone: "Europe/Amsterdam" },
    expected: [[1, 1, 0], [1, 0], [0]],
  },
  {
    sentence: "weeks start on Monday",
    given: [
      ["u1", "a", "2026-06-14T12:00:00Z"],
      ["u2", "a", "2026-06-15T12:00:00Z"],
    ],
    query: { ...june, period: "week", periods: 2 },
    expected: [[1, 0], [1]],
  },
  {
    sentence: "weeks start on Sunday where asked",
    given: [
      ["u1", "a", "2026-06-14T12:00:00Z"],
      ["u2", "a", "2026-06-15T12:00:00Z"],
    ],
    query: { ...june, period: "week", periods: 2, week_start: "sunday" },
    expected: [[0, 0], [2]],
  },
  {
    sentence: "months are those of the calendar",
    given: [
      ["u1", "a", "2026-02-28T23:59:59.999Z"],
      ["u1", "a", "2026-03-01T00:00:00Z"],
      ["u1", "a", "2026-03-31T23:59:59.999Z"],
    ],
    query: { ...june, from: "2026-02-01", period: "month" },
    expected: [[1, 1, 0], [1, 0], [0]],
  },
  {
    sentence: "rows are whole intervals: the first begins before `from`",
    given: [
      ["u1", "a", day(10, "00:00")],
      ["u2", "a", day(9, "23:59")],
    ],
    query: { ...june, from: day(10, "18:00") },
    expected: [[1, 0, 0], [0, 0], [0]],
  },
  {
    sentence: "the last, partial interval counts whole",
    given: [
      ["u1", "a", "2026-06-03T12:00:00Z"],
      ["u1", "a", day(11)],
    ],
    query: { ...june, from: "2026-06-03", to: "2026-06-11", period: "week", periods: 2 },
    expected: [[1, 1], [1]],
  },
  {
    sentence: "`to`: later events are ignored to the millisecond, every row is there",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", "2026-06-10T18:00:00.000Z"],
      ["u3", "a", "2026-06-10T18:00:00.001Z"],
      ["u1", "a", day(11)],
    ],
    query: { ...june, to: "2026-06-10T18:00:00.000Z" },
    expected: [[2, 0, 0], [0, 0], [0]],
  },
  {
    sentence: "event null is any event",
    given: [
      ["u1", "a", day(10)],
      ["u1", "b", day(11)],
    ],
    query: { ...june, target: { event: null } },
    expected: [[1, 1, 0], [1, 0], [0]],
  },
  {
    sentence: "returning is the target, with its filters, where it is not named",
    given: [
      ["u1", "a", day(10), { x: 1 }],
      ["u1", "b", day(11), { x: 1 }],
      ["u1", "a", day(12)],
      ["u2", "a", day(10), { x: 1 }],
      ["u2", "a", day(12), { x: 1 }],
    ],
    query: { ...june, target: { event: "a", filters: [{ property: "x", operator: "is_set" }] } },
    expected: [[2, 0, 1], [0, 0], [1]],
  },
  {
    sentence: "the query's filters apply to both sides, a side's own to it alone",
    given: [
      ["u1", "a", day(10), { x: 1, y: 1 }],
      ["u1", "b", day(11), { x: 1, z: 1 }],
      ["u2", "a", day(10), { x: 1, y: 1 }],
      ["u2", "b", day(11), { z: 1 }],
      ["u3", "a", day(10), { x: 1 }],
      ["u3", "b", day(11), { x: 1, z: 1 }],
      ["u4", "a", day(10), { y: 1 }],
      ["u4", "b", day(11), { x: 1, z: 1 }],
      ["u5", "a", day(10), { x: 1, y: 1 }],
      ["u5", "b", day(11), { x: 1, y: 1 }],
    ],
    query: {
      ...june,
      filters: [{ property: "x", operator: "is_set" }],
      target: { event: "a", filters: [{ property: "y", operator: "is_set" }] },
      returning: { event: "b", filters: [{ property: "z", operator: "is_set" }] },
    },
    expected: [[3, 1, 0], [0, 0], [0]],
  },
  {
    sentence: "an event belongs to the person: ids that were joined count once and return for each other",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", day(10)],
      ["u2", "a", day(11)],
      ["u3", "a", day(12)],
    ],
    joined: [
      ["u2", "u1"],
      ["u3", "u1"],
    ],
    query: june,
    expected: [[1, 1, 1], [1, 1], [1]],
  },
  {
    sentence: "a filter on a property changes nothing about who is one person",
    given: [
      ["u1", "a", day(10), { x: 1 }],
      ["u2", "a", day(10), { x: 1 }],
      ["u2", "a", day(11), { x: 1 }],
      ["u2", "a", day(12)],
    ],
    joined: [["u2", "u1"]],
    query: { ...june, filters: [{ property: "x", operator: "is_set" }] },
    expected: [[1, 1, 0], [1, 0], [0]],
  },
  {
    sentence: "min_occurrences: events of all ids of the person",
    given: [
      ["u1", "a", day(10)],
      ["u1", "b", day(11)],
      ["u2", "b", day(11)],
    ],
    joined: [["u2", "u1"]],
    query: { ...june, returning: { event: "b" }, min_occurrences: 2 },
    expected: [[1, 1, 0], [0, 0], [0]],
  },
  {
    sentence: "first_time: the first event of any id of the person",
    given: [
      ["u1", "a", day(10)],
      ["u2", "a", day(1)],
      ["u3", "a", day(10)],
    ],
    joined: [["u1", "u2"]],
    query: { ...june, type: "first_time" },
    expected: [[1, 0, 0], [0, 0], [0]],
  },
];
