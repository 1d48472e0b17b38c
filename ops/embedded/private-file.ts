// Small files of the data directory that hold secrets or state: mode 0600, written whole or not at all.
import { open, readFile, rename } from "node:fs/promises";
import { MillraceError } from "#schemas/errors.ts";

/** undefined when the file is not there. */
export async function readJsonFile(path: string): Promise<unknown> {
  let text;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    // Made-up new secrets would lock the stores that know the old ones: a person has to look.
    throw new MillraceError("INTERNAL", {
      message: `${path} is not valid JSON; restore or remove it.`,
      cause,
    });
  }
}

export function writeJsonFile(path: string, value: unknown): Promise<void> {
  return writePrivateFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

export async function writePrivateFile(path: string, text: string): Promise<void> {
  const draft = `${path}.draft`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
