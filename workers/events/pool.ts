// The pool's entry file: every task that runs in a thread, by name.
export { processBatch } from "./batch-task.ts";
export { restoreState } from "./restore-task.ts";
