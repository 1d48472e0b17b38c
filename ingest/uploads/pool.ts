// The pool's entry file: every task of uploads that runs in a thread, by name.
export { prepareFile } from "./prepare-file.ts";
export { readChunk } from "./read-chunk.ts";
