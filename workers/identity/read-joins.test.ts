import { describe, expect, it } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { asksToJoin, readJoins } from "./read-joins.ts";

function event(change: Partial<LogEvent>, properties: object = {}): LogEvent {
  return {
    project_id: 1,
    event: "identify",
    event_id: "e",
    user_id: "ann",
    anonymous_id: "",
    session_id: "",
    timestamp: 5,
    received_at: 7,
    properties: JSON.stringify(properties),
    context: "{}",
    user_agent: "",
    ...change,
  };
}

const joinsOf = (log: LogEvent): string[] =>
  readJoins(log, "address", false).map(({ kind, joined, into }) => `${kind}: ${joined} to ${into}`);

describe("readJoins", () => {
  it.each<{ name: string; log: LogEvent; joins: string[] }>([
    {
      name: "identify takes the anonymous id beside the user id",
      log: event({ anonymous_id: "phone" }),
      joins: ["identify: a:phone to u:ann"],
    },
    {
      name: "$anon_distinct_id and the event's own anonymous id",
      log: event({ event: "$identify", anonymous_id: "ann" }, { $anon_distinct_id: "phone" }),
      joins: ["identify: a:phone to u:ann", "identify: a:ann to u:ann"],
    },
    {
      name: "the same anonymous id in both places joins once",
      log: event({ event: "$identify", anonymous_id: "phone" }, { $anon_distinct_id: "phone" }),
      joins: ["identify: a:phone to u:ann"],
    },
    {
      name: "identify of the same text joins the anonymous id of that text",
      log: event({ anonymous_id: "ann" }),
      joins: ["identify: a:ann to u:ann"],
    },
    { name: "identify without an anonymous id joins nothing", log: event({}), joins: [] },
    {
      name: "identify without a user id joins nothing",
      log: event({ user_id: "", anonymous_id: "phone" }, { $anon_distinct_id: "x" }),
      joins: [],
    },
    {
      name: "an ordinary event with both ids joins nothing",
      log: event({ event: "order", anonymous_id: "phone" }, { $anon_distinct_id: "x", alias: "y" }),
      joins: [],
    },
    {
      name: "alias names the user id and the anonymous id",
      log: event({ event: "alias" }, { previousId: "old" }),
      joins: ["alias: u:old to u:ann", "alias: a:old to u:ann"],
    },
    {
      name: "$create_alias of an anonymous event",
      log: event({ event: "$create_alias", user_id: "", anonymous_id: "phone" }, { alias: "ann" }),
      joins: ["alias: u:ann to a:phone", "alias: a:ann to a:phone"],
    },
    {
      name: "an alias of the id itself joins its anonymous form only",
      log: event({ event: "alias" }, { previous_id: "ann" }),
      joins: ["alias: a:ann to u:ann"],
    },
    {
      name: "alias without a previous id means the anonymous id",
      log: event({ event: "alias", anonymous_id: "phone" }),
      joins: ["alias: a:phone to u:ann"],
    },
    {
      name: "an explicit merge",
      log: event({ event: "$merge_dangerously", anonymous_id: "phone" }, { alias: "bob" }),
      joins: ["merge: u:bob to u:ann", "merge: a:bob to u:ann"],
    },
    {
      name: "an explicit merge without an alias joins nothing",
      log: event({ event: "$merge_dangerously", anonymous_id: "phone" }),
      joins: [],
    },
    ...["undefined", "null", "", "0", "x".repeat(201), "a\0b", 7, null, {}, ["bob"]].map((alias) => ({
      name: `an alias that is no id: ${JSON.stringify(alias).slice(0, 20)}`,
      log: event({ event: "alias" }, { alias }),
      joins: [],
    })),
    {
      name: "properties that are not JSON join nothing",
      log: event({ anonymous_id: "phone", properties: "{broken" }),
      joins: [],
    },
  ])("$name", ({ log, joins }) => {
    expect(joinsOf(log)).toEqual(joins);
    if (joins.length > 0) expect(asksToJoin(log)).toBe(true);
  });

  it("names each join for ever, and says when it was claimed", () => {
    const joins = readJoins(event({ event: "alias" }, { alias: "old" }), "log:1:2:3", false);
    expect(joins.map((join) => join.origin)).toEqual(["log:log:1:2:3:0", "log:log:1:2:3:1"]);
    expect(joins[0]?.claim).toEqual({ arrivedMs: 7, happenedMs: 5, eventId: "e" });
  });

  it("the first event of a user whose two ids are one joins them, the others ask for nothing", () => {
    const log = event({ event: "order", anonymous_id: "ann" }, { $anon_distinct_id: "x" });
    expect(asksToJoin(log)).toBe(true);
    expect(readJoins(log, "a", true)).toMatchObject([{ kind: "identify", joined: "a:ann", into: "u:ann" }]);
    expect(readJoins(log, "a", false)).toEqual([]);
    expect(asksToJoin(event({ event: "order", anonymous_id: "phone" }))).toBe(false);
    expect(asksToJoin(event({ event: "order", user_id: "" }))).toBe(false);
  });

  it("a rename and an explicit merge cannot be contested", () => {
    expect(readJoins(event({ event: "alias" }, { alias: "old" }), "a", true)[0]).toMatchObject({
      claim: null,
      intoIsNew: true,
    });
    expect(
      readJoins(event({ event: "$merge_dangerously" }, { alias: "old" }), "a", false)[0]?.claim,
    ).toBeNull();
  });
});
