// In how many of some sets each number is, all numbers of a container at once: the sets are bits, and counts are kept
// as planes of bits that a set is added to like a carry, 128 numbers at a time. 90 sets that hold an eighth of
// 65,536 numbers: 0.3 ms, number by number 5.8 ms.
import { containerBytes, containerNumbers } from "./stored-sets.ts";
import {
  addNumbers,
  and,
  compile,
  constant,
  instantiate,
  load,
  localGet,
  localSet,
  loopWhileLess,
  store,
  vectorBytes,
  xor,
  zeros,
} from "./wasm.ts";

/** A plane for each bit of a count; counts of one pass fit into a byte. */
const planesMax = 8;
export const setsAtOnceMax = 2 ** planesMax - 1;

const name = "addUp";
// (the sets' address, their bytes); then: place in the container, place in a set, end of the sets; what is carried,
// what is carried on, the planes.
const [at, bytes, place, setAt, end, carry, carryOn, firstPlane] = [0, 1, 2, 3, 4, 5, 6, 7];

function bodyOf(planes: number): number[] {
  const all = Array.from({ length: planes }, (_, plane) => plane);
  const addSet = [
    ...localGet(setAt),
    ...load(0),
    ...localSet(carry),
    ...all.flatMap((plane) => [
      ...localGet(firstPlane + plane),
      ...localGet(carry),
      ...and,
      ...localSet(carryOn),
      ...localGet(firstPlane + plane),
      ...localGet(carry),
      ...xor,
      ...localSet(firstPlane + plane),
      ...localGet(carryOn),
      ...localSet(carry),
    ]),
    ...localGet(setAt),
    ...constant(containerBytes),
    ...addNumbers,
    ...localSet(setAt),
  ];
  return loopWhileLess(
    [
      ...all.flatMap((plane) => [...zeros, ...localSet(firstPlane + plane)]),
      ...localGet(at),
      ...localGet(place),
      ...addNumbers,
      ...localSet(setAt),
      ...localGet(setAt),
      ...localGet(bytes),
      ...addNumbers,
      ...localSet(end),
      ...loopWhileLess(addSet, setAt, localGet(end)),
      ...all.flatMap((plane) => [
        ...localGet(place),
        ...localGet(firstPlane + plane),
        ...store(plane * containerBytes),
      ]),
      ...localGet(place),
      ...constant(vectorBytes),
      ...addNumbers,
      ...localSet(place),
    ],
    place,
    constant(containerBytes),
  );
}

/** By number of planes. */
const compiled = new Map<number, object>();

/** Bits of a byte as one byte each: of the lower four numbers, of the upper four. */
const [lowSpread, highSpread] = [0, 4].map((first) =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    let spread = 0;
    for (let bit = 0; bit < 4; bit += 1) spread |= ((byte >>> (first + bit)) & 1) << (8 * bit);
    return spread >>> 0;
  }),
) as [Uint32Array, Uint32Array];

export interface BitCounter {
  /** What the sets lie in, 8 KB each, the first at `setsAt`. */
  readonly bytes: Uint8Array;
  readonly setsAt: number;
  /** Adds to `times` in how many of the first `sets` each number is. */
  addTimes(sets: number, times: Uint32Array): void;
}

/** `setsMax`: at most `setsAtOnceMax`. */
export function createBitCounter(setsMax: number): BitCounter {
  const planes = Math.max(1, Math.ceil(Math.log2(setsMax + 1)));
  if (planes > planesMax) throw new RangeError("more sets than one pass counts");
  let module = compiled.get(planes);
  if (module === undefined) {
    module = compile({
      ...{ name, parameters: 2, returnsNumber: false, numbers: 3, vectors: 2 + planes },
      body: bodyOf(planes),
    });
    compiled.set(planes, module);
  }
  const setsAt = planes * containerBytes;
  const { memory, run } = instantiate(module, name, setsAt + setsMax * containerBytes);
  return {
    bytes: memory,
    setsAt,
    addTimes: (sets, times) => {
      if (sets === 0) return;
      run(setsAt, sets * containerBytes);
      for (let byte = 0, number = 0; number < containerNumbers; byte += 1, number += 8) {
        let [low, high] = [0, 0];
        for (let plane = 0; plane < planes; plane += 1) {
          const bits = memory[plane * containerBytes + byte] as number;
          low |= (lowSpread[bits] as number) << plane;
          high |= (highSpread[bits] as number) << plane;
        }
        if ((low | high) === 0) continue;
        for (let each = 0; each < 4; each += 1) {
          times[number + each] = (times[number + each] as number) + ((low >>> (8 * each)) & 255);
          times[number + 4 + each] = (times[number + 4 + each] as number) + ((high >>> (8 * each)) & 255);
        }
      }
    },
  };
}
