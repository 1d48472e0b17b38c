// Codes of links: drawn, never counted up, so that nobody finds links by trying the next number.

/** Letters and digits without 0, O, I and l, which look like others. */
export const codeSymbols = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

export const codeLimits = {
  /** 58⁷ are 2.2 · 10¹²: with a million links one draw in two million meets another. */
  symbols: 7,
  /** Draws until codes become one symbol longer. */
  drawsMax: 5,
  symbolsMax: 10,
} as const;

/** Largest multiple of the number of symbols in a byte: what is above would make the first symbols more frequent. */
const fairBelow = 256 - (256 % codeSymbols.length);

/** `randomBytes` must be a cryptographic source. */
export function createCode(symbols: number, randomBytes: (count: number) => Uint8Array): string {
  let code = "";
  while (code.length < symbols) {
    for (const byte of randomBytes(symbols * 2)) {
      if (byte < fairBelow && code.length < symbols) code += codeSymbols[byte % codeSymbols.length];
    }
  }
  return code;
}
