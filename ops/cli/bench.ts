// Runs one of the benchmarks: `benchmarks/<name>.ts`, which parses the arguments after its name itself.
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodes } from "../runtime/life-cycle.ts";
import { UsageError, type Command } from "./command.ts";

const folder = fileURLToPath(new URL("../../benchmarks", import.meta.url));

export const command: Command = {
  arguments: "[name] [its arguments ...]",
  run: async ({ positionals }) => {
    const names = (await readdir(folder))
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
      .map((file) => file.slice(0, -".ts".length));
    const [name, ...args] = positionals;
    if (name === undefined) {
      console.log(["Benchmarks:", ...names.map((each) => `  ${each}`)].join("\n"));
      return exitCodes.ok;
    }
    if (!names.includes(name)) {
      throw new UsageError(`"${name}" is not a benchmark; there are ${names.join(", ")}.`);
    }
    const child = spawn(process.execPath, [join(folder, `${name}.ts`), ...args], { stdio: "inherit" });
    return new Promise((resolve) => {
      process.on("SIGINT", () => child.kill("SIGINT"));
      process.on("SIGTERM", () => child.kill("SIGTERM"));
      child.once("error", () => resolve(exitCodes.failed));
      child.once("exit", (code) => resolve(code ?? exitCodes.failed));
    });
  },
};
