// Times added up by parts are those of everybody, medians to the millisecond.
import { expect, it } from "vitest";
import { RandomSource } from "../../testing/random-source.ts";
import { medianOf } from "./median.ts";
import { addTimes, collectMiddles, findMiddle, medianOfCollected, tallyTimes } from "./step-times.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

it(`gives counts, sums and medians of all parts (seed ${seed})`, () => {
  const random = new RandomSource(seed);
  for (let round = 0; round < 100; round += 1) {
    const spread = random.pick([1, 3, 1_000, 86_400_000, 400 * 86_400_000, 2 ** 43]);
    const parts = random.times(1 + random.below(4), () =>
      Float64Array.from(random.times(random.below(random.pick([2, 300])), () => random.below(spread))),
    );
    const all = Float64Array.from(parts.flatMap((gaps) => [...gaps]));
    const times = parts.map((gaps) =>
      // Longer than what was counted, as the memory that they lie in is.
      tallyTimes(Float64Array.of(1_000, gaps.length), [
        new Float64Array(9),
        Float64Array.from([...gaps, 7, 7]),
      ]),
    );
    const { counts, sumsMs, bins } = addTimes(times, 2);
    expect(counts[1]).toBe(all.length);
    expect(sumsMs[1]).toBe(all.reduce((sum, gap) => sum + gap, 0));
    if (all.length === 0) continue;
    const middle = findMiddle(bins[1] as Uint32Array, all.length);
    const collected = times.map(({ gapsMs }) => collectMiddles({ gapsMs, middles: [undefined, middle] })[1]);
    const gaps = collected.map((each) => each ?? new Float64Array(0));
    expect(medianOfCollected(gaps, middle, all.length)).toBe(medianOf(all));
  }
});
