// The last part of every export: counts bytes, compresses them when asked, hands them to the reader.
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { createGzip, constants } from "node:zlib";
import type { ExportFormat } from "#schemas/query/export.ts";

const contentTypes: Readonly<Record<ExportFormat, string>> = {
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  parquet: "application/vnd.apache.parquet",
};

export interface Packer {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  abort(): void;
}

/** `asked` decides where it is given, else the header Accept-Encoding. Parquet is compressed inside. */
export function wantsGzip(
  format: ExportFormat,
  asked: boolean | undefined,
  acceptEncoding: string | undefined,
): boolean {
  if (format === "parquet") return false;
  return asked ?? /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(acceptEncoding ?? "");
}

export function createPacker(gzip: boolean, take: (bytes: Uint8Array) => Promise<void>): Packer {
  return gzip ? startGzip(take) : { write: take, end: async () => {}, abort: () => {} };
}

export function exportHeaders(name: string, format: ExportFormat, gzip: boolean): Record<string, string> {
  return {
    "content-type": contentTypes[format],
    "content-disposition": `attachment; filename="${name}.${format}"`,
    ...(gzip ? { "content-encoding": "gzip" } : {}),
  };
}

/** Compresses on the way; takes more only when what is compressed has been taken. */
function startGzip(take: (bytes: Uint8Array) => Promise<void>): Packer {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED + 2, chunkSize: 64 * 1024 });
  const drained = (async () => {
    for await (const chunk of gzip) await take(chunk as Buffer);
  })();
  // Failures reach the caller through `write` and `end`; until then they must not count as unhandled.
  drained.catch(() => {});
  return {
    async write(bytes) {
      if (!gzip.write(bytes)) await Promise.race([once(gzip, "drain"), drained]);
    },
    async end() {
      gzip.end();
      await Promise.all([drained, finished(gzip, { readable: false })]);
    },
    abort: () => void gzip.destroy(),
  };
}
