// Collects what became of persons, in the form of the kernel's answer.
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import { GrowingFloats } from "../kernel/growing.ts";
import type { TrendMarks } from "../kernel/trend-marks.ts";
import type { ListWalk } from "./list-walk.ts";

const personsFirst = 1024;

export class Outcomes {
  readonly #rules: FunnelRules;
  #reached = new Uint8Array(personsFirst);
  #persons = 0;
  readonly #gapsMs = new GrowingFloats();
  readonly #listed: number[] = [];

  constructor(rules: FunnelRules) {
    this.#rules = rules;
  }

  add(person: number, { reached, at }: ListWalk): void {
    if (this.#persons === this.#reached.length) {
      const grown = new Uint8Array(2 * this.#persons);
      grown.set(this.#reached);
      this.#reached = grown;
    }
    this.#reached[this.#persons] = reached;
    this.#persons += 1;
    for (let step = 1; step < reached; step += 1) {
      this.#gapsMs.push((at[step] as number) - (at[step - 1] as number));
    }
    const { list } = this.#rules;
    if (list === undefined) return;
    // Step numbers count from 0, so a step was reached when more steps than its number were.
    if (list.dropped ? reached === list.step : reached > list.step) this.#listed.push(person);
  }

  finish(marks: TrendMarks | undefined): FunnelOutcome {
    return {
      reached: this.#reached.slice(0, this.#persons),
      values: undefined,
      gapsMs: this.#gapsMs.take(),
      trend: marks === undefined ? undefined : { entered: marks.entered, converted: marks.converted },
      listed: this.#rules.list === undefined ? undefined : Uint32Array.from(this.#listed),
    };
  }
}
