// Short URLs as QR codes. SVG as the library draws it; PNG with one bit a pixel, which it does not make itself.
import { crc32, deflateSync } from "node:zlib";
import encodeQR, { type ErrorCorrection } from "qr";

/** Modules of white around it, as ISO 18004 asks for. */
const border = 4;

export function buildQrSvg(text: string, ecc: ErrorCorrection): string {
  return encodeQR(text, "svg", { ecc, border });
}

export function buildQrPng(text: string, ecc: ErrorCorrection, scale: number): Buffer {
  const modules = encodeQR(text, "raw", { ecc, border });
  const width = modules.length * scale;
  const lineBytes = 1 + Math.ceil(width / 8);
  const pixels = Buffer.alloc(lineBytes * width);
  modules.forEach((row, y) => {
    // First byte: no filter. Bits: 1 is white.
    const line = Buffer.alloc(lineBytes);
    for (let x = 0; x < width; x += 1) {
      if (row[Math.floor(x / scale)] !== true)
        line[1 + (x >> 3)] = (line[1 + (x >> 3)] as number) | (0x80 >> (x & 7));
    }
    for (let repeat = 0; repeat < scale; repeat += 1) line.copy(pixels, (y * scale + repeat) * lineBytes);
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(width, 4);
  header[8] = 1;
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const built = Buffer.alloc(body.length + 8);
  built.writeUInt32BE(data.length, 0);
  body.copy(built, 4);
  built.writeUInt32BE(crc32(body), body.length + 4);
  return built;
}
