// Collects what became of persons, in memory that the thread that asked shares: each person by itself, in the form of the
// kernel's answer, or, where nobody asks for persons, only the times to each step.
import type { FunnelOutcome, FunnelRules, GapsMs } from "../kernel/funnel-rows.ts";
import type { TrendMarks } from "../kernel/trend-marks.ts";
import { tallyTimes } from "../step-times.ts";

/** No gap is longer than the window: up to 49 days they take half of the memory. */
const narrowMsEnd = 2 ** 32;

export class Outcomes {
  readonly #rules: FunnelRules;
  readonly #areAdded: boolean;
  readonly #reached: Uint8Array;
  readonly #gapsMs: Float64Array;
  #persons = 0;
  #gaps = 0;
  readonly #listed: number[] = [];
  /** One entry a step: people who reached it, and the times that they took from the one before. */
  readonly #counts: Float64Array;
  readonly #gapsOf: readonly GapsMs[];

  /** `personsMax`: there will not be more. `areAdded`: nobody asks for persons, only for all of them together. */
  constructor(rules: FunnelRules, personsMax: number, areAdded: boolean) {
    const { steps } = rules;
    const numbers = (length: number): Float64Array => new Float64Array(new SharedArrayBuffer(8 * length));
    this.#rules = rules;
    this.#areAdded = areAdded;
    this.#reached = new Uint8Array(new SharedArrayBuffer(areAdded ? 0 : personsMax));
    this.#gapsMs = numbers(areAdded ? 0 : personsMax * (steps - 1));
    this.#counts = new Float64Array(steps);
    this.#gapsOf = Array.from({ length: steps }, (_, step) => {
      const length = areAdded && step > 0 ? personsMax : 0;
      if (rules.windowMs >= narrowMsEnd) return numbers(length);
      return new Uint32Array(new SharedArrayBuffer(4 * length));
    });
  }

  /** `gapsMs`: to each step from the one before; nothing to the first. */
  add(person: number, reached: number, gapsMs: Float64Array): void {
    if (this.#areAdded) {
      this.#counts[0] = (this.#counts[0] as number) + 1;
      this.addFurther(1, reached, gapsMs);
      return;
    }
    this.#reached[this.#persons] = reached;
    this.#persons += 1;
    for (let step = 1; step < reached; step += 1) {
      this.#gapsMs[this.#gaps] = gapsMs[step] as number;
      this.#gaps += 1;
    }
    const { list } = this.#rules;
    if (list === undefined) return;
    // Step numbers count from 0, so a step was reached when more steps than its number were.
    if (list.dropped ? reached === list.step : reached > list.step) this.#listed.push(person);
  }

  /** Where times are added up: whoever adds many persons does it there. Undefined where persons are asked for. */
  get added(): { readonly counts: Float64Array; readonly gapsMs: readonly GapsMs[] } | undefined {
    return this.#areAdded ? { counts: this.#counts, gapsMs: this.#gapsOf } : undefined;
  }

  /** Times to the steps from `first` on, counted from 0, alone. */
  addFurther(first: number, reached: number, gapsMs: Float64Array): void {
    const counts = this.#counts;
    for (let step = first; step < reached; step += 1) {
      const count = counts[step] as number;
      (this.#gapsOf[step] as GapsMs)[count] = gapsMs[step] as number;
      counts[step] = count + 1;
    }
  }

  finish(marks: TrendMarks | undefined): FunnelOutcome {
    const { list } = this.#rules;
    return {
      reached: this.#reached.subarray(0, this.#persons),
      values: undefined,
      gapsMs: this.#gapsMs.subarray(0, this.#gaps),
      ...(this.#areAdded ? { times: tallyTimes(this.#counts, this.#gapsOf) } : {}),
      trend: marks === undefined ? undefined : { entered: marks.entered, converted: marks.converted },
      listed: list === undefined ? undefined : Uint32Array.from(this.#listed),
    };
  }
}
