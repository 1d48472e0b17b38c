// The layers as rules: schemas ◀ ops/runtime ◀ streams ◀ ingest | workers | query ◀ the top of ops.
// Every rule says what to do instead. `ops/check/layers.ts` runs them, and proves with a canary for each
// that it can fail: add a canary there with every rule added here.

const TIERS = "ingest|workers|query";
const DOMAINS = "events|links|chat|shop|content";
// Tests, and what a tier's tests share (its testing/ folder), may reach for the servers and launchers at the top of
// ops; shipped code may not.
const TEST = "\\.test\\.ts$|^[a-z]+/testing/";

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "schemas-is-pure",
      comment:
        "schemas/ is shapes and pure rules. Move what does I/O to the tier that does it, and pass values in.",
      severity: "error",
      from: { path: "^schemas/", pathNot: TEST },
      to: { path: `^(ops|streams|${TIERS}|benchmarks|grafana)/` },
    },
    {
      name: "schemas-does-no-io",
      comment:
        "schemas/ imports no Node module that reads, sends or starts anything. Reading files (migrations) is the " +
        "one exception: node:fs, node:path and node:url. Take bytes as a parameter instead.",
      severity: "error",
      from: { path: "^schemas/", pathNot: TEST },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(assert|buffer|crypto|fs|path|url|util)(/|$)" },
    },
    {
      name: "runtime-knows-only-schemas",
      comment:
        "ops/runtime (configuration, logs, metrics, life cycle) stands below every tier. Pass what it needs as a " +
        "parameter from the tier's main.ts.",
      severity: "error",
      from: { path: "^ops/runtime/", pathNot: TEST },
      to: { path: `^(streams|${TIERS}|benchmarks|grafana|ops/(?!runtime/))` },
    },
    {
      name: "streams-knows-no-tier",
      comment: "streams/ carries bytes for anybody. Give it a function or a name; the tier imports streams.",
      severity: "error",
      from: { path: "^streams/", pathNot: TEST },
      to: { path: `^(${TIERS}|benchmarks|grafana)/` },
    },
    {
      name: "tiers-meet-in-the-log",
      comment:
        "ingest, workers and query never import each other. Publish a fact to the log, ask a service by " +
        "request/reply, or move the shared shape to schemas/.",
      severity: "error",
      from: { path: `^(${TIERS})/` },
      to: { path: `^(${TIERS})/`, pathNot: "^$1/" },
    },
    {
      name: "domains-meet-in-the-log",
      comment:
        "events, links, chat, shop and content never import each other inside a tier. Publish an event the other " +
        "consumes, or move what both need to the tier's own folder or to schemas/.",
      severity: "error",
      from: { path: `^(schemas|${TIERS})/(${DOMAINS})/` },
      to: { path: `^$1/(${DOMAINS})/`, pathNot: "^$1/$2/" },
    },
    {
      name: "nothing-imports-the-top-of-ops",
      comment:
        "ops/embedded, ops/supervisor, ops/cli and ops/check start the tiers and are imported by none of them. " +
        "What a tier needs at run time belongs in ops/runtime.",
      severity: "error",
      from: { path: `^(schemas|streams|${TIERS})/`, pathNot: TEST },
      to: { path: "^ops/(?!runtime/)" },
    },
    {
      name: "nothing-imports-benchmarks",
      comment: "benchmarks/ measures the product and is no part of it. Move the shared code into its tier.",
      severity: "error",
      from: {
        path: "^(schemas|ops|streams|ingest|workers|query|grafana)/",
        pathNot: "^ops/(cli|check|e2e)/",
      },
      to: { path: "^benchmarks/" },
    },
    {
      name: "uwebsockets-stays-behind-ingest-server",
      comment:
        "Only ingest/server.ts and ingest/server/ touch uWebSockets.js, a native repack that must stay replaceable. " +
        "Use the request and response of ingest/server/.",
      severity: "error",
      from: { pathNot: "^ingest/server(\\.ts$|/)|^benchmarks/" },
      to: { path: "(^|/)uWebSockets\\.js($|/)" },
    },
    {
      name: "no-cycles",
      comment: "A cycle has no first file to read. Move what both sides need into a third file below them.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "imports-resolve",
      comment: "The module was not found: check the path, its .ts ending, and package.json imports.",
      severity: "error",
      // k6 scenarios run inside k6, which brings its own modules.
      from: { pathNot: "^benchmarks/k6/" },
      to: { couldNotResolve: true },
    },
    {
      name: "no-dev-dependency-in-product",
      comment: "`npm ci --omit=dev` must still run: list the package under dependencies, or do without.",
      severity: "error",
      from: { path: `^(schemas|streams|${TIERS}|ops/(?!check/|e2e/))`, pathNot: TEST },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "product-does-not-import-tests",
      comment:
        "Tests import the product. Move what both need to a file that is neither *.test.ts nor under testing/.",
      severity: "error",
      from: { pathNot: `${TEST}|^ops/(e2e|check)/|^benchmarks/` },
      to: { path: TEST },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)generated/" },
    // Type imports count: a layer that knows another's types knows the other.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".mjs", ".js", ".json"],
    },
  },
};
