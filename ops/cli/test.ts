// `npm test`: the static checks, then unit, integration and end-to-end tests; the work is done in ops/check.
import { runTests } from "../check/test.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  arguments: "[check|unit|int|e2e ...] [path or vitest option ...]",
  run: ({ positionals }) => runTests([...positionals]),
};
