// Keys: made here, kept only as hashes.
import { createHash, randomBytes } from "node:crypto";
import type { KeyScope } from "#schemas/projects/project.ts";

const keyBytes = 24;
const hintLength = 12;

export function createKey(scope: KeyScope): string {
  return `mr_${scope}_${randomBytes(keyBytes).toString("base64url")}`;
}

export function hashKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/** Enough of the key to tell it apart in a list, too little to use it. */
export function hintOf(key: string): string {
  return `${key.slice(0, Math.min(hintLength, Math.floor(key.length / 3)))}…`;
}
