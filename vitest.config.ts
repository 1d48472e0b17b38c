// Three kinds of tests, told apart by their names: `x.test.ts` pure and fast, `x.int.test.ts` against the real
// servers started once, `ops/e2e/*.e2e.test.ts` against whole installations, one file after another.
// `ops/check/test.ts` runs them in this order.

import { defineConfig } from "vitest/config";

const FOLDERS = "{schemas,streams,ingest,workers,query,ops,benchmarks,grafana}";
const EXCLUDED = ["**/node_modules/**", "**/.*/**"];

export default defineConfig({
  test: {
    // Stopping servers takes longer than the default 10 s on a busy machine.
    teardownTimeout: 30_000,
    projects: [
      {
        test: {
          name: "unit",
          include: [`${FOLDERS}/**/*.test.ts`],
          exclude: [...EXCLUDED, "**/*.{int,e2e}.test.ts"],
          // Pure tests do not need a process each: threads start faster, and the whole set stays under 5 s.
          pool: "threads",
          testTimeout: 5_000,
        },
      },
      {
        test: {
          name: "int",
          include: [`${FOLDERS}/**/*.int.test.ts`],
          exclude: EXCLUDED,
          globalSetup: ["./ops/check/int-servers.ts"],
          pool: "forks",
          // The servers share the machine with the tests: two files at a time keep timings honest on 2 cores.
          maxWorkers: 2,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["ops/e2e/**/*.e2e.test.ts"],
          exclude: EXCLUDED,
          pool: "forks",
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
