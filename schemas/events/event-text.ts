// Parts of an event in the encoding of blocks (block.ts), as texts in which every character is one byte. An event that
// is joined of such parts is written with one copy: of short links, what all clicks of a link have in common is encoded
// once. An event's parts stand in the order of the block's schema.

const beyondAscii = /[\u0080-\uffff]/;

/** The bytes of `text` in UTF-8. */
export function bytesOf(text: string): string {
  return beyondAscii.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** An Avro int or long: zigzag, seven bits a byte, the lowest first. */
export function encodeLong(value: number): string {
  let left = value < 0 ? -2 * value - 1 : 2 * value;
  let text = "";
  // Beyond 32 bits, where operators on bits end.
  while (left >= 0x80) {
    text += String.fromCharCode((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  return text + String.fromCharCode(left);
}

const lengthsMax = 2_048;
const lengths = Array.from({ length: lengthsMax }, (_, length) => encodeLong(length));

/** An Avro string of text whose characters are bytes already. */
export function encodeBytes(bytes: string): string {
  return (lengths[bytes.length] ?? encodeLong(bytes.length)) + bytes;
}

/** An Avro string. */
export function encodeString(text: string): string {
  return encodeBytes(bytesOf(text));
}
