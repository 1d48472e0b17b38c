// Archives in a folder of the data directory.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ArchivePlace } from "./archive-place.ts";

export function createDiskPlace(folder: string): ArchivePlace {
  return {
    async write(path, pieces, signal) {
      const target = join(folder, path);
      // One name for every try: what a crash left of an earlier one is overwritten.
      const unfinished = `${target}.part`;
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      const hash = createHash("sha256");
      let bytes = 0;
      const file = await open(unfinished, "w", 0o600);
      try {
        for await (const piece of pieces) {
          signal.throwIfAborted();
          hash.update(piece);
          bytes += piece.length;
          await file.writeFile(piece);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, target);
      await syncFolders(dirname(target), folder);
      return { bytes, sha256: hash.digest("hex") };
    },
    read: (path, signal) => createReadStream(join(folder, path), { signal }),
    async remove(path) {
      await rm(join(folder, path), { force: true });
      await rm(join(folder, `${path}.part`), { force: true });
    },
  };
}

/** A file is as lasting as its name, and its folders' names. */
async function syncFolders(folder: string, top: string): Promise<void> {
  for (let each = folder; each.length >= top.length; each = dirname(each)) {
    const handle = await open(each, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
