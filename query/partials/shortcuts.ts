// What may answer instead of rows. Everything gives the same answers; tests narrow it to prove that.
import type { RollupTable } from "../events/plan-slices.ts";
import type { Partials } from "./load-partials.ts";

export interface Shortcuts {
  /** All when absent. */
  readonly rollups?: readonly RollupTable[] | undefined;
  /** None when absent. */
  readonly partials?: Partials | undefined;
}
