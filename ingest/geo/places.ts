// Where an address is, from a file in MaxMind's format that the operator brings (GeoLite2, GeoIP2, DB-IP and others).
// The address is looked up and forgotten: only the place goes on with the event.
import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { Reader } from "mmdb-lib";
import type { Logger } from "#ops/runtime/log.ts";
import { readPlace, type Place } from "./read-place.ts";

/** How often the file is looked at for a newer one. */
const lookMs = 30_000;
/** Decoded parts of records, by their place in the file; forgotten all at once when there are more. */
const decodedMax = 20_000;

export interface Places {
  /** Undefined without a file, for what is no address, and for addresses that the file does not know. */
  lookUp(address: string): Place | undefined;
  /** False: whoever asks may spare itself finding out the address. */
  readonly available: boolean;
  stop(): void;
}

type Record = ConstructorParameters<typeof Reader>[0];

const nowhere: Places = { available: false, lookUp: () => undefined, stop: () => {} };

/**
 * Opens `path`, and again whenever it changes. A file that is not there or no such database is logged and looked for
 * again: events are taken without a place meanwhile.
 */
export async function openPlaces(
  path: string | undefined,
  log: Logger,
  tuning: { lookMs?: number } = {},
): Promise<Places> {
  if (path === undefined) return nowhere;
  const file = new PlacesFile(path, log);
  await file.refresh();
  const timer = setInterval(() => void file.refresh(), tuning.lookMs ?? lookMs);
  timer.unref();
  return {
    get available() {
      return file.available;
    },
    lookUp: (address) => file.lookUp(address),
    stop: () => clearInterval(timer),
  };
}

class PlacesFile {
  readonly #path: string;
  readonly #log: Logger;
  #reader: Reader<never> | undefined;
  /** Size and time of the file that is open, or that could not be opened. */
  #seen = "";
  #refreshing = false;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  get available(): boolean {
    return this.#reader !== undefined;
  }

  /** Opens the file if it is another one than before; keeps the one before when that fails. */
  async refresh(): Promise<void> {
    if (this.#refreshing) return;
    this.#refreshing = true;
    let seen = "none";
    try {
      const { size, mtimeMs, ino } = await stat(this.#path);
      seen = `${size} ${mtimeMs} ${ino}`;
      if (seen === this.#seen) return;
      const bytes: Record = await readFile(this.#path);
      this.#reader = new Reader<never>(bytes, { cache: new DecodedParts() });
      const { databaseType, buildEpoch } = this.#reader.metadata;
      this.#log.info({ databaseType, builtAt: buildEpoch }, "file of places opened");
    } catch (error) {
      if (seen !== this.#seen) this.#log.error({ err: error }, "file of places could not be opened");
    } finally {
      this.#seen = seen;
      this.#refreshing = false;
    }
  }

  lookUp(address: string): Place | undefined {
    const reader = this.#reader;
    if (reader === undefined) return undefined;
    const plain = withoutMapping(address);
    const version = isIP(plain);
    if (version === 0 || (version === 6 && reader.metadata.ipVersion === 4)) return undefined;
    try {
      return readPlace(reader.get(plain));
    } catch {
      // A damaged record: this address has no place.
      return undefined;
    }
  }
}

/** What the reader decoded before. A record names some objects of its neighbours, so most of them are here already. */
class DecodedParts {
  readonly #parts = new Map<string | number, unknown>();

  get(key: string | number): unknown {
    return this.#parts.get(key);
  }

  set(key: string | number, value: unknown): void {
    if (this.#parts.size >= decodedMax) this.#parts.clear();
    this.#parts.set(key, value);
  }
}

const shortMapping = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const longMapping = /^(?:0{1,4}:){5}ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i;

/** Addresses of version 4 as a socket of version 6 names them. */
function withoutMapping(address: string): string {
  if (!address.includes(":")) return address;
  const short = shortMapping.exec(address);
  if (short !== null) return short[1] as string;
  const long = longMapping.exec(address);
  if (long === null) return address;
  const [high, low] = [Number.parseInt(long[1] as string, 16), Number.parseInt(long[2] as string, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
