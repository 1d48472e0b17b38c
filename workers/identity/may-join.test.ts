import { describe, expect, it } from "vitest";
import { mayJoin, type JoinSides } from "./may-join.ts";

const two = { joinedIsIdentified: true, intoIsIdentified: true, intoIsNew: false };

describe("mayJoin", () => {
  it.each<{ name: string; sides: JoinSides; joins: boolean }>([
    {
      name: "identify joins an anonymous id that nobody identified",
      sides: { ...two, kind: "identify", joinedIsIdentified: false },
      joins: true,
    },
    {
      name: "identify leaves an anonymous id with whom it identified before",
      sides: { ...two, kind: "identify" },
      joins: false,
    },
    {
      name: "identify of a new user takes no anonymous id away either",
      sides: { ...two, kind: "identify", intoIsNew: true },
      joins: false,
    },
    {
      name: "alias joins an id that identified nobody",
      sides: { ...two, kind: "alias", joinedIsIdentified: false },
      joins: true,
    },
    { name: "alias does not join two identified ids", sides: { ...two, kind: "alias" }, joins: false },
    {
      name: "alias renames: the old id is known, the new one is not",
      sides: { ...two, kind: "alias", intoIsNew: true },
      joins: true,
    },
    {
      name: "alias joins a user to what is anonymous",
      sides: { ...two, kind: "alias", intoIsIdentified: false },
      joins: true,
    },
    { name: "an explicit merge joins two identified ids", sides: { ...two, kind: "merge" }, joins: true },
  ])("$name", ({ sides, joins }) => {
    expect(mayJoin(sides)).toBe(joins);
  });
});
