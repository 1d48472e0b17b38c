// Reads the store's lists of events, one person after another, from chunks of bytes (RowBinary: a length as varint,
// then 8 bytes each). Arrays are used again for the next person: at most one person's events are held.

/** Events of one person in the order of time; valid until the next person. */
export interface PersonEvents {
  count: number;
  /** From the range's start. */
  ms: Float64Array;
  names: Uint32Array;
  /** 1: its filters let it be an anchor. */
  anchors: Uint8Array;
}

const capacityFirst = 1024;

export class PersonLists {
  /** Events that were read. */
  events = 0;
  readonly #take: (events: PersonEvents) => void;
  readonly #person: PersonEvents = allocate(capacityFirst);
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes to wait for before the next try: joining a huge list chunk by chunk would be quadratic. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #bytesNeeded = 0;

  constructor(take: (events: PersonEvents) => void) {
    this.#take = take;
  }

  push(chunk: Uint8Array): void {
    this.#waiting.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#waitingBytes += chunk.length;
    if (this.#rest.length + this.#waitingBytes < this.#bytesNeeded) return;
    const bytes = Buffer.concat([this.#rest, ...this.#waiting]);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#rest = bytes.subarray(this.#readPersons(bytes));
  }

  /** Throws when the last list is incomplete. */
  end(): void {
    if (this.#rest.length + this.#waitingBytes > 0) throw new Error("paths: the store's answer ends early");
  }

  /** Answers the bytes of whole persons. */
  #readPersons(bytes: Buffer): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    for (;;) {
      let count = 0;
      let at = start;
      for (let shift = 1; ; shift *= 128) {
        const byte = bytes[at];
        // The length itself is cut; it has at most 5 bytes.
        if (byte === undefined) {
          this.#bytesNeeded = 0;
          return start;
        }
        at += 1;
        count += (byte & 127) * shift;
        if (byte < 128) break;
      }
      const end = at + count * 8;
      if (end > bytes.length) {
        this.#bytesNeeded = end - start;
        return start;
      }
      this.#readPerson(view, at, count);
      start = end;
    }
  }

  #readPerson(view: DataView, start: number, count: number): void {
    const person = this.#person;
    if (count > person.ms.length) Object.assign(person, allocate(2 ** Math.ceil(Math.log2(count))));
    const { ms, names, anchors } = person;
    for (let index = 0, at = start; index < count; index += 1, at += 8) {
      const low = view.getUint32(at, true);
      const high = view.getUint32(at + 4, true);
      ms[index] = high * 4096 + (low >>> 20);
      names[index] = (low >>> 1) & 0x7ffff;
      anchors[index] = 1 - (low & 1);
    }
    person.count = count;
    this.events += count;
    this.#take(person);
  }
}

function allocate(capacity: number): PersonEvents {
  return {
    count: 0,
    ms: new Float64Array(capacity),
    names: new Uint32Array(capacity),
    anchors: new Uint8Array(capacity),
  };
}
