import { describe, expect, it } from "vitest";
import { buildMachinePathPattern } from "./machine-path.ts";

describe("buildMachinePathPattern", () => {
  it.each([
    { text: "/srv/builds/checkout/ops/launch.mjs", root: "/srv/builds/checkout", found: true },
    { text: "see `/srv/builds/checkout`.", root: "/srv/builds/checkout", found: true },
    { text: "GET /srv/builds/checkout-other", root: "/srv/builds/checkout", found: false },
    { text: "WORKDIR /app", root: "/app", found: false },
    { text: "/tmp/anything", root: "/tmp/clone", found: false },
    { text: ["", "Users", "bob", "project"].join("/"), root: "/app", found: true },
    { text: "https://example.com/home/bob/project", root: "/app", found: false },
  ])("$text in $root", ({ text, root, found }) => {
    expect(buildMachinePathPattern(root).test(text)).toBe(found);
  });
});
