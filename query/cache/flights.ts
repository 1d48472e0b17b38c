// One computation for all who ask the same at the same time. Who comes later shares it only when it is known to be made
// of data as it was when they came; it ends when everybody who waited has left.
import { MillraceError } from "#schemas/errors.ts";

interface Flight<T> {
  readonly result: Promise<T>;
  /** False: what it is made of was in motion when it began. */
  readonly shareable: Promise<boolean>;
  readonly leaving: AbortController;
  waiting: number;
}

export class Flights<T> {
  readonly #underWay = new Map<string, Flight<T>>();

  get size(): number {
    return this.#underWay.size;
  }

  /** `work` says once whether others may share; its signal is aborted when nobody waits any more. */
  async run(
    name: string,
    signal: AbortSignal,
    work: (signal: AbortSignal, share: (mayBe: boolean) => void) => Promise<T>,
  ): Promise<{ value: T; shared: boolean }> {
    const known = this.#underWay.get(name);
    if (known !== undefined && (await orLeave(known.shareable, signal)) && !known.leaving.signal.aborted) {
      return { value: await wait(known, signal), shared: true };
    }
    const flight = start(work);
    this.#underWay.set(name, flight);
    const forget = (): void => {
      if (this.#underWay.get(name) === flight) this.#underWay.delete(name);
    };
    flight.result.then(forget, forget);
    return { value: await wait(flight, signal), shared: false };
  }
}

function start<T>(work: (signal: AbortSignal, share: (mayBe: boolean) => void) => Promise<T>): Flight<T> {
  const leaving = new AbortController();
  const shareable = Promise.withResolvers<boolean>();
  const result = work(leaving.signal, shareable.resolve);
  // Whoever waits is told; that is not before somebody does.
  result.then(
    () => shareable.resolve(false),
    () => shareable.resolve(false),
  );
  return { result, shareable: shareable.promise, leaving, waiting: 0 };
}

async function wait<T>(flight: Flight<T>, signal: AbortSignal): Promise<T> {
  flight.waiting += 1;
  try {
    return await orLeave(flight.result, signal);
  } finally {
    flight.waiting -= 1;
    if (flight.waiting === 0) flight.leaving.abort();
  }
}

/** Fails at once when the caller leaves. */
export async function orLeave<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(new MillraceError("SHUTTING_DOWN", { message: "the caller left" }));
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([promise, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
