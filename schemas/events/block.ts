// The Avro block: many events of one partition, published to the log with one message.
// Layout: Avro array<Event> in one array block, so any Avro reader can decode it with the schema below.
import avro from "avsc";
import type { LogEvent } from "./event.ts";

const eventSchema = {
  type: "record",
  name: "Event",
  namespace: "millrace",
  fields: [
    { name: "project_id", type: "int" },
    { name: "event", type: "string" },
    { name: "event_id", type: "string" },
    { name: "user_id", type: "string" },
    { name: "anonymous_id", type: "string" },
    { name: "session_id", type: "string" },
    { name: "timestamp", type: "long" },
    { name: "received_at", type: "long" },
    { name: "properties", type: "string" },
    { name: "context", type: "string" },
    { name: "user_agent", type: "string" },
  ],
} as const satisfies avro.Schema;

const eventType = avro.Type.forSchema(eventSchema as avro.Schema);
const blockType = avro.Type.forSchema({ type: "array", items: eventSchema } as unknown as avro.Schema);

/** Name of the message header that carries the writer's schema fingerprint. */
export const schemaHeader = "Millrace-Schema";

/**
 * Name of the message header of a block whose events were handed over before they came in, as rows of a file are: epoch
 * milliseconds by the relational store's clock. Whoever was erased in between is not brought back by them.
 */
export const handedOverHeader = "Millrace-Handed-Over";

/** Fingerprint (hex of the Avro canonical form's MD5) of the schema that this process writes. */
export const blockFingerprint = blockType.fingerprint().toString("hex");

/** Schemas of earlier versions, by fingerprint: blocks written with them stay readable. */
const earlierSchemas: Readonly<Record<string, avro.Schema>> = {};

const countBytesMax = 5;

/** Fills one block; `append` events, then `finish` once. Reuse by making a new one (the buffer is given away). */
export class BlockWriter {
  #buffer: Buffer;
  #position = countBytesMax;
  #count = 0;

  constructor(initialBytes = 4096) {
    this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#position;
  }

  append(event: LogEvent): void {
    let end = eventType.encode(event, this.#buffer, this.#position);
    if (end < 0) {
      // avsc answers minus the missing bytes.
      this.#grow(this.#buffer.length - end);
      end = eventType.encode(event, this.#buffer, this.#position);
    }
    this.#position = end;
    this.#count += 1;
  }

  /** Adds an event that is encoded already: every character of `text` is one byte; see event-text.ts. */
  appendText(text: string): void {
    const end = this.#position + text.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.write(text, this.#position, "latin1");
    this.#position = end;
    this.#count += 1;
  }

  /** To at least double, so that growing stays linear. */
  #grow(bytesMin: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, bytesMin));
    this.#buffer.copy(grown, 0, 0, this.#position);
    this.#buffer = grown;
  }

  /** The finished block: [count][events…][0], a view of this writer's buffer. */
  finish(): Uint8Array {
    if (this.#position + 1 > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(this.#position + 1);
      this.#buffer.copy(grown, 0, 0, this.#position);
      this.#buffer = grown;
    }
    this.#buffer[this.#position] = 0;
    let zigzag = this.#count * 2;
    const varint: number[] = [];
    while (zigzag >= 0x80) {
      varint.push((zigzag & 0x7f) | 0x80);
      zigzag >>>= 7;
    }
    varint.push(zigzag);
    const start = countBytesMax - varint.length;
    for (let index = 0; index < varint.length; index += 1) {
      this.#buffer[start + index] = varint[index] as number;
    }
    return this.#buffer.subarray(this.#count === 0 ? this.#position : start, this.#position + 1);
  }
}

const resolvers = new Map<string, { type: avro.Type; resolver: unknown }>();

/**
 * Decodes a block written with the schema that `fingerprint` names.
 * Throws when the fingerprint is unknown or the bytes are not a block: the caller quarantines the message.
 */
export function decodeBlock(bytes: Uint8Array, fingerprint: string): LogEvent[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (fingerprint === blockFingerprint) return blockType.fromBuffer(buffer) as LogEvent[];
  let known = resolvers.get(fingerprint);
  if (!known) {
    const schema = earlierSchemas[fingerprint];
    if (!schema) throw new Error(`unknown block schema ${fingerprint}`);
    const type = avro.Type.forSchema(schema);
    known = { type, resolver: blockType.createResolver(type) };
    resolvers.set(fingerprint, known);
  }
  return blockType.fromBuffer(buffer, known.resolver as never) as LogEvent[];
}
