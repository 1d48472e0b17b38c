import { expect, it } from "vitest";
import { configTable } from "../runtime/settings.ts";
import { commands } from "./commands.ts";
import { buildCommandHelp, buildHelp } from "./help.ts";

it("names every command with its summary", () => {
  const help = buildHelp().replace(/\s+/g, " ");
  for (const [name, { summary }] of Object.entries(commands)) expect(help).toContain(` ${name} ${summary}`);
});

it("names every setting that people may set, and none that is set for them", () => {
  const help = buildHelp();
  for (const [name, setting] of Object.entries(configTable)) {
    expect({ name, shown: new RegExp(`^  ${name} `, "m").test(help) }).toEqual({
      name,
      shown: !("internal" in setting),
    });
  }
});

it("fits a terminal of 100 columns", () => {
  expect(
    buildHelp()
      .split("\n")
      .filter((line) => line.length > 100),
  ).toEqual([]);
});

it.each(Object.keys(commands))("%s loads, and its help names its options", async (name) => {
  const entry = commands[name];
  if (entry === undefined) throw new Error(name);
  const command = await entry.load();
  const help = buildCommandHelp(name, entry.summary, command);
  expect(help).toContain(`npm run millrace -- ${name}`);
  for (const option of Object.keys(command.options ?? {})) expect(help).toContain(`--${option}`);
});
