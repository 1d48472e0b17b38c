// Just enough WebAssembly to write one function on vectors of 16 bytes by hand. V8 compiles it; there is nothing to build.

export const i32 = 0x7f;
export const v128 = 0x7b;
export const pageBytes = 65_536;
export const vectorBytes = 16;

/** Unsigned, 7 bits a byte, the lowest first. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

/** Of a number that is not negative: its last byte must not look like a sign. */
function signedLeb(value: number): number[] {
  const bytes = leb(value);
  const last = bytes.pop() as number;
  return last > 63 ? [...bytes, last | 128, 0] : [...bytes, last];
}

const simd = (opcode: number): number[] => [0xfd, ...leb(opcode)];
export const localGet = (index: number): number[] => [0x20, index];
export const localSet = (index: number): number[] => [0x21, index];
export const constant = (value: number): number[] => [0x41, ...signedLeb(value)];
export const addNumbers = [0x6a];
/** A vector from the address on the stack and so many bytes on. */
export const load = (offset: number): number[] => [...simd(0x00), 0, ...leb(offset)];
export const store = (offset: number): number[] => [...simd(0x0b), 0, ...leb(offset)];
export const zeros = [...simd(0x0c), ...new Array<number>(vectorBytes).fill(0)];
export const and = simd(0x4e);
export const xor = simd(0x51);
export const countBits = simd(0x62);
export const addBytes = simd(0x6e);
export const widenToShorts = simd(0x7d);
export const widenToInts = simd(0x7f);
export const addInts = simd(0xae);
export const extractInt = (lane: number): number[] => [...simd(0x1b), lane];

/** Runs `body` again for as long as the local `left` is less than the local `right`; at least once. */
export function loopWhileLess(body: readonly number[], left: number, right: readonly number[]): number[] {
  return [0x03, 0x40, ...body, ...localGet(left), ...right, 0x49, 0x0d, 0x00, 0x0b];
}

export interface Code {
  readonly name: string;
  readonly parameters: number;
  readonly returnsNumber: boolean;
  /** Numbers, then vectors, after the parameters. */
  readonly numbers: number;
  readonly vectors: number;
  readonly body: readonly number[];
}

const section = (id: number, bytes: readonly number[]): number[] => [id, ...leb(bytes.length), ...bytes];
const text = (value: string): number[] => [value.length, ...Buffer.from(value, "latin1")];

// What of it is used here; its types otherwise come with those of browsers.
declare const WebAssembly: {
  Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
};

/** A module of one function of numbers, over the memory that it is given. */
export function compile({ name, parameters, returnsNumber, numbers, vectors, body }: Code): object {
  const locals = [...(numbers > 0 ? [[numbers, i32]] : []), ...(vectors > 0 ? [[vectors, v128]] : [])];
  const code = [locals.length, ...locals.flat(), ...body, 0x0b];
  const types = new Array<number>(parameters).fill(i32);
  return new WebAssembly.Module(
    Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      ...section(1, [1, 0x60, parameters, ...types, ...(returnsNumber ? [1, i32] : [0])]),
      ...section(2, [1, ...text("host"), ...text("memory"), 0x02, 0x00, 0x01]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...text(name), 0x00, 0x00]),
      ...section(10, [1, ...leb(code.length), ...code]),
    ]),
  );
}

export interface Instance {
  readonly memory: Uint8Array;
  readonly run: (...numbers: number[]) => number;
}

export function instantiate(module: object, name: string, bytes: number): Instance {
  const memory = new WebAssembly.Memory({ initial: Math.max(1, Math.ceil(bytes / pageBytes)) });
  const instance = new WebAssembly.Instance(module, { host: { memory } });
  return {
    memory: new Uint8Array(memory.buffer),
    run: instance.exports[name] as (...numbers: number[]) => number,
  };
}
