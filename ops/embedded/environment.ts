// The environment that servers and installers inherit. Settings never come from here: those are ops/runtime/config.ts.

/** Everything but our own variables: servers get only the marks that spawnServer sets. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_")));
}
