// The days of one event (or of any) that are kept of a selector and still valid, and how to read them.
import type { Filter } from "#schemas/query/filter.ts";
import type { SqlContext } from "../sql/context.ts";
import { propertyFilterSql } from "../sql/property-filter.ts";
import type { Cover } from "./find-cover.ts";

/** A valid day: under which generation it was written. */
export interface KeptDay {
  readonly event: string;
  /** Since 1970, in UTC. */
  readonly day: number;
  readonly generation: number;
}

export const dayMs = 86_400_000;

export class KeptDays {
  readonly cover: Cover;
  readonly event: string | null;
  readonly #days: readonly KeptDay[];
  readonly #missing: ReadonlySet<number>;
  readonly #fromDay: number;
  readonly #endDay: number;

  /** `missing`: days whose rows have to be read; before `fromDay` and from `endDay` on all of them. */
  constructor(options: {
    cover: Cover;
    event: string | null;
    days: readonly KeptDay[];
    missing: ReadonlySet<number>;
    fromDay: number;
    endDay: number;
  }) {
    this.cover = options.cover;
    this.event = options.event;
    this.#days = options.days.filter(({ day }) => !options.missing.has(day));
    this.#missing = options.missing;
    this.#fromDay = options.fromDay;
    this.#endDay = options.endDay;
  }

  get any(): boolean {
    return this.#days.length > 0;
  }

  /** True also for a closed day on which nothing happened. */
  has(day: number): boolean {
    return day >= this.#fromDay && day < this.#endDay && !this.#missing.has(day);
  }

  /** Conditions on rows of partial_hour and partial_day, beside those on days and hours. */
  conditions(context: SqlContext): string[] {
    const { parameters } = context;
    const days = parameters.bind(
      "Array(Int64)",
      this.#days.map(({ day }) => day),
    );
    const generations = parameters.bind(
      "Array(UInt64)",
      this.#days.map(({ generation }) => generation),
    );
    const conditions = [
      `selector_id = ${parameters.bind("UInt32", this.cover.selectorId)}`,
      "events > 0",
      ...this.cover.rest.map((filter) => textFilterSql(filter, context)),
    ];
    if (this.event !== null) {
      const event = `event = ${parameters.bind("String", this.event)}`;
      return [event, ...conditions, `(day, generation) IN arrayZip(${days}, ${generations})`];
    }
    const events = parameters.bind(
      "Array(String)",
      this.#days.map(({ event }) => event),
    );
    return [...conditions, `(event, day, generation) IN arrayZip(${events}, ${days}, ${generations})`];
  }

  /** For `explain`. */
  toJSON(): object {
    return {
      selector: this.cover.selectorId,
      daysKept: new Set(this.#days.map(({ day }) => day)).size,
      daysFromRows: this.#missing.size,
    };
  }
}

/** A condition on the text of a value; `findCover` lets no others through. */
function textFilterSql(filter: Filter, context: SqlContext): string {
  if ("or" in filter) return filter.or.map((inner) => `(${textFilterSql(inner, context)})`).join(" OR ");
  if ("cohort" in filter) throw new Error("a filter on people reached what is kept of events");
  return propertyFilterSql(
    filter,
    { text: "value", number: "NULL", boolean: "NULL", isSet: "0" },
    context.parameters,
  );
}
