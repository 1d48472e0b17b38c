// Whether more is asked than can be answered: so many queries wait that the last of them would wait for long. Once
// answers may be older fewer wait, although as much is asked as before, so it is over only after a while in which
// hardly anybody had to wait; otherwise the two would take turns, and each change would be a wait for everybody.
import type { FairGate } from "./fair-gate.ts";

/** So many wait, and the last of them for so long, before it is said. */
const waitingMin = 16;
const waitMsMin = 500;
/** It is over when for so long never more than so many waited. */
const calmWaitingMax = 2;
const calmMs = 5_000;

export class Pressure {
  readonly #gate: Pick<FairGate, "waiting" | "waitMs">;
  readonly #now: () => number;
  #pressed = false;
  #waitedAtMs = 0;

  constructor(gate: Pick<FairGate, "waiting" | "waitMs">, now: () => number = () => performance.now()) {
    this.#gate = gate;
    this.#now = now;
  }

  /** Asked with every query, so it knows of each moment that matters. */
  get high(): boolean {
    const { waiting } = this.#gate;
    const nowMs = this.#now();
    if (waiting > calmWaitingMax) this.#waitedAtMs = nowMs;
    if (!this.#pressed) this.#pressed = waiting >= waitingMin && this.#gate.waitMs >= waitMsMin;
    else if (nowMs - this.#waitedAtMs > calmMs) this.#pressed = false;
    return this.#pressed;
  }
}
