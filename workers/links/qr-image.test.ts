import { inflateSync } from "node:zlib";
import decodeQR from "qr/decode.js";
import { expect, it } from "vitest";
import { buildQrPng, buildQrSvg } from "./qr-image.ts";

/** What a PNG of one bit a pixel shows, as a camera would give it. */
function readPng(png: Buffer): { width: number; height: number; data: Uint8Array } {
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  const width = png.readUInt32BE(16);
  const length = png.readUInt32BE(33);
  const lines = inflateSync(png.subarray(41, 41 + length));
  const data = new Uint8Array(width * width * 4).fill(255);
  for (let y = 0; y < width; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const bit = (lines[y * (1 + Math.ceil(width / 8)) + 1 + (x >> 3)] as number) & (0x80 >> (x & 7));
      data.fill(bit === 0 ? 0 : 255, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return { width, height: width, data };
}

it.each([1, 3, 8])("draws a PNG that is read again, at scale %i", (scale) => {
  const text = "https://go.example/aB3xYz9";
  // A reader needs some pixels for each module.
  if (scale === 1) expect(readPng(buildQrPng(text, "medium", scale)).width).toBe(25 + 4 + 4);
  else expect(decodeQR(readPng(buildQrPng(text, "medium", scale)))).toBe(text);
});

it("draws an SVG without anything that runs", () => {
  const svg = buildQrSvg("https://go.example/<script>", "high");
  expect(svg).toMatch(/^<svg |^<\?xml/);
  expect(svg).not.toContain("script");
});
