// `npm start`: the whole installation on this machine, until Ctrl-C.
import { launcherPipeVariable } from "../embedded/environment.ts";
import { readConfig } from "../runtime/config.ts";
import { runSupervisor } from "../supervisor/supervisor.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  run: ({ env }) => {
    const { [launcherPipeVariable]: pipe, ...inherited } = env;
    return runSupervisor({
      config: readConfig(env),
      env: inherited,
      launcherPipe: pipe === undefined ? undefined : Number(pipe),
      print: (line) => console.log(line),
      printError: (line) => console.error(line),
    });
  },
};
