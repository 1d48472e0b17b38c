// Collects what became of persons, in the form of the kernel's answer.
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import type { TrendMarks } from "../kernel/trend-marks.ts";
import type { ListWalk } from "./list-walk.ts";

export class Outcomes {
  readonly #rules: FunnelRules;
  /** Shared: the thread that asked reads them where they lie. */
  readonly #reached: Uint8Array;
  readonly #gapsMs: Float64Array;
  #persons = 0;
  #gaps = 0;
  readonly #listed: number[] = [];

  /** `personsMax`: there will not be more. */
  constructor(rules: FunnelRules, personsMax: number) {
    this.#rules = rules;
    this.#reached = new Uint8Array(new SharedArrayBuffer(personsMax));
    this.#gapsMs = new Float64Array(new SharedArrayBuffer(8 * personsMax * (rules.steps - 1)));
  }

  add(person: number, { reached, at }: ListWalk): void {
    this.#reached[this.#persons] = reached;
    this.#persons += 1;
    for (let step = 1; step < reached; step += 1) {
      this.#gapsMs[this.#gaps] = (at[step] as number) - (at[step - 1] as number);
      this.#gaps += 1;
    }
    const { list } = this.#rules;
    if (list === undefined) return;
    // Step numbers count from 0, so a step was reached when more steps than its number were.
    if (list.dropped ? reached === list.step : reached > list.step) this.#listed.push(person);
  }

  finish(marks: TrendMarks | undefined): FunnelOutcome {
    return {
      reached: this.#reached.subarray(0, this.#persons),
      values: undefined,
      gapsMs: this.#gapsMs.subarray(0, this.#gaps),
      trend: marks === undefined ? undefined : { entered: marks.entered, converted: marks.converted },
      listed: this.#rules.list === undefined ? undefined : Uint32Array.from(this.#listed),
    };
  }
}
