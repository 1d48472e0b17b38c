// The environment that servers and installers inherit. Settings never come from here: those are ops/runtime/config.ts.

/** As it is, for the command line, which hands it to readConfig. */
export function currentEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/** Everything but our own variables: servers get only the marks that spawnServer sets. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith("MILLRACE_") && name !== launcherPipeVariable,
    ),
  );
}

/** The number of the pipe that ends with the launcher; only the process it started itself may listen to it. */
export const launcherPipeVariable = "LAUNCHER_PIPE_FD";
