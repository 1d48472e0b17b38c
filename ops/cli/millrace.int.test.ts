// The command line as people meet it when something is wrong: one sentence and exit code 2, nothing started.
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

function run(args: string[], env: Record<string, string> = {}) {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_")),
  );
  const result = spawnSync(process.execPath, [join(import.meta.dirname, "millrace.ts"), ...args], {
    encoding: "utf8",
    env: { ...inherited, ...env },
  });
  return { code: result.status, out: result.stdout, err: result.stderr.trim() };
}

it.each([
  { args: ["frobnicate"], says: /^"frobnicate" is not a command; there are start, / },
  { args: ["toString"], says: /^"toString" is not a command/ },
  { args: ["doctor", "--deep"], says: /^millrace doctor: Unknown option '--deep'\. / },
  { args: ["start", "extra"], says: /^millrace start: Unexpected argument 'extra'/ },
  { args: ["ingest"], says: /^ingest alone needs servers that run elsewhere: set MILLRACE_NATS_URL, / },
  { args: ["bench", "nothing"], says: /^"nothing" is not a benchmark/ },
])("$args is refused in one line", ({ args, says }) => {
  const { code, err } = run(args);
  expect(err).toMatch(says);
  expect(err.split("\n").length).toBe(1);
  expect(code).toBe(2);
});

it("lists all wrong settings at once", () => {
  const { code, err } = run(["start"], { MILLRACE_PROT: "1", MILLRACE_PORT: "none" });
  expect(err).toContain("MILLRACE_PROT is not a known setting");
  expect(err).toContain("MILLRACE_PORT must be a whole number");
  expect(code).toBe(2);
});

it.each([[[]], [["--help"]], [["start", "--help"]], [["start", "-h"]]])("%j prints the help", (args) => {
  const { code, out } = run(args);
  expect(out).toContain("MILLRACE_DATA_DIR");
  expect(code).toBe(0);
});

it("doctor says that nothing runs, and fails", () => {
  const dataDir = join(tmpdir(), "millrace-nothing-here");
  const { code, out } = run(["doctor"], { MILLRACE_DATA_DIR: dataDir, MILLRACE_PORT: "1" });
  expect(out).toContain("not running in this data directory");
  expect(out).toMatch(/^nats +not started yet$/m);
  expect(out).toMatch(/^edge .*not ready/m);
  expect(code).toBe(1);
});
