// Uploaded files on disk: `<data dir>/uploads/<id>.part` while one is received, `<id>.data` until it is processed.
// They stay with the process that received them; one edge process uses a data directory.
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "#schemas/errors.ts";
import { uploadLimits } from "./upload-limits.ts";

const received = ".data";
const receiving = ".part";
const idPattern = /^up_[0-9a-f]{32}/;

export function createUploadId(): string {
  return `up_${randomBytes(16).toString("hex")}`;
}

export class UploadFiles {
  readonly #directory: string;

  constructor(dataDir: string) {
    this.#directory = join(dataDir, "uploads");
  }

  partOf(id: string): string {
    return join(this.#directory, `${id}${receiving}`);
  }

  fileOf(id: string): string {
    return join(this.#directory, `${id}${received}`);
  }

  /** What an earlier run left: files to go on with, and such that never came whole. */
  async list(): Promise<{ received: string[]; incomplete: string[] }> {
    const entries = await readdir(this.#directory).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === "ENOENT") return [];
      throw error;
    });
    const names = entries.filter((name) => idPattern.test(name));
    const idsOf = (ending: string): string[] =>
      names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
    // Beside a part there may be its copy in UTF-8.
    const copies = names.filter((name) => !name.endsWith(received) && !name.endsWith(receiving));
    await Promise.all(copies.map((name) => rm(join(this.#directory, name), { force: true })));
    return { received: idsOf(received), incomplete: idsOf(receiving) };
  }

  /** Writes to the part, synced before it resolves. Fails with BODY_TOO_LARGE or DISK_FULL; answers the bytes. */
  async write(
    id: string,
    content: AsyncIterable<Buffer>,
    bytesMax: number,
    onBytes: (bytes: number) => void,
  ): Promise<number> {
    const file = await open(this.partOf(id), "wx", 0o600);
    try {
      let bytes = 0;
      for await (const piece of content) {
        bytes += piece.length;
        if (bytes > bytesMax) throw new MillraceError("BODY_TOO_LARGE");
        await file.writeFile(piece);
        onBytes(bytes);
      }
      await file.sync();
      return bytes;
    } catch (error) {
      const { code } = error as { code?: unknown };
      throw code === "ENOSPC" || code === "EDQUOT"
        ? new MillraceError("DISK_FULL", { retryAfterSeconds: 60, cause: error })
        : error;
    } finally {
      await file.close();
    }
  }

  /** From now on the file is processed, also after a restart. */
  async keep(id: string): Promise<void> {
    await rename(this.partOf(id), this.fileOf(id));
    const directory = await open(this.#directory, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async remove(id: string): Promise<void> {
    await rm(this.partOf(id), { force: true });
    await rm(this.fileOf(id), { force: true });
  }

  /** Makes the directory where it is missing. Throws DISK_FULL. */
  async requireRoom(bytes: number): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize < bytes + uploadLimits.diskFreeBytesMin) {
      throw new MillraceError("DISK_FULL", { retryAfterSeconds: 60 });
    }
  }
}
