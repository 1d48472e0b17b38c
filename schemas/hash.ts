// One 128-bit hash for partitioning, event fingerprints and user look-ups: MurmurHash3 x86_128 over the
// UTF-16 code units of a string (two units a 32-bit word). Written out here because it is on the hot path
// of every event (under 0.1 µs for a UUID); a WebAssembly hash costs more in copying the string.
// Source: Austin Appleby, MurmurHash3 (public domain), variant x86_128.

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function finalMix(value: number): number {
  let mixed = value;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** The code unit at `index`, or 0 past the end. */
function unit(text: string, index: number): number {
  return index < text.length ? text.charCodeAt(index) : 0;
}

/**
 * Writes the four 32-bit words of the hash of (`seed`, `text`) to `out[offset..offset+3]`, unsigned.
 * The length is mixed in, so that padding with zeros never makes two strings equal.
 */
export function hash128(seed: number, text: string, out: Uint32Array, offset = 0): void {
  const length = text.length;
  let h1 = seed | 0;
  let h2 = seed | 0;
  let h3 = seed | 0;
  let h4 = seed | 0;

  const wholeEnd = length & ~7;
  let index = 0;
  for (; index < wholeEnd; index += 8) {
    const k1 = text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16);
    const k2 = text.charCodeAt(index + 2) | (text.charCodeAt(index + 3) << 16);
    const k3 = text.charCodeAt(index + 4) | (text.charCodeAt(index + 5) << 16);
    const k4 = text.charCodeAt(index + 6) | (text.charCodeAt(index + 7) << 16);
    h1 ^= Math.imul(rotate(Math.imul(k1, c1), 15), c2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotate(Math.imul(k2, c2), 16), c3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotate(Math.imul(k3, c3), 17), c4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotate(Math.imul(k4, c4), 18), c1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  if (index < length) {
    const k1 = unit(text, index) | (unit(text, index + 1) << 16);
    const k2 = unit(text, index + 2) | (unit(text, index + 3) << 16);
    const k3 = unit(text, index + 4) | (unit(text, index + 5) << 16);
    const k4 = unit(text, index + 6) | (unit(text, index + 7) << 16);
    h4 ^= Math.imul(rotate(Math.imul(k4, c4), 18), c1);
    h3 ^= Math.imul(rotate(Math.imul(k3, c3), 17), c4);
    h2 ^= Math.imul(rotate(Math.imul(k2, c2), 16), c3);
    h1 ^= Math.imul(rotate(Math.imul(k1, c1), 15), c2);
  }

  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finalMix(h1);
  h2 = finalMix(h2);
  h3 = finalMix(h3);
  h4 = finalMix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  out[offset] = h1;
  out[offset + 1] = h2;
  out[offset + 2] = h3;
  out[offset + 3] = h4;
}

const words = new Uint32Array(4);

/**
 * The partition of a user's events: hash(project, user key) mod `partitions`.
 * All state about a user belongs to one partition, so this must never change for an existing log.
 */
export function partitionOf(projectId: number, userKey: string, partitions: number): number {
  hash128(projectId, userKey, words);
  return (words[0] as number) % partitions;
}
