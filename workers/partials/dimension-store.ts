// The dimensions of a project in the relational store, and how far what is kept of them has come.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import {
  selectorsOfDimensions,
  type DimensionDays,
  type Dimensions,
  type DimensionsShape,
} from "#schemas/selectors/dimensions.ts";
import { hashSelector, selectorLimits, type SelectorDefinition } from "#schemas/selectors/selector.ts";
import { registerSelectors } from "./register-selectors.ts";

/** Who wants the selectors of dimensions. */
const origin = "dimensions";

interface Chosen {
  readonly properties: readonly { readonly property: string; readonly valuesMax: number }[];
  readonly numbers: readonly string[];
}

export class DimensionStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Throws CONFLICT when the project would have too many selectors. */
  async replace(projectId: number, shape: DimensionsShape): Promise<void> {
    const properties = shape.properties.map((each) => ({
      property: each.property,
      valuesMax: each.values_max ?? selectorLimits.valuesMax,
    }));
    const numbers = shape.numbers ?? [];
    const wanted = selectorsOfDimensions(properties, numbers);
    const client = await this.#postgres.connect();
    try {
      await client.query("BEGIN");
      // Two replacements at once come one after the other.
      await client.query("SELECT FROM projects WHERE id = $1 FOR UPDATE", [projectId]);
      await client.query("DELETE FROM dimensions WHERE project_id = $1", [projectId]);
      await client.query(
        `INSERT INTO dimensions (project_id, property, kind, values_max)
         SELECT $1::int, property, 'value', values_max FROM unnest($2::text[], $3::int[]) AS given (property, values_max)
         UNION ALL SELECT $1::int, unnest($4::text[]), 'number', NULL`,
        [
          projectId,
          properties.map(({ property }) => property),
          properties.map(({ valuesMax }) => valuesMax),
          numbers,
        ],
      );
      const { kept } = await registerSelectors(client, projectId, origin, wanted);
      if (kept < wanted.length) {
        throw new MillraceError("CONFLICT", {
          message: `The project would have more than ${selectorLimits.selectorsMax} selectors with those of its insights; choose fewer properties.`,
        });
      }
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  async find(projectId: number): Promise<Omit<Dimensions, "learned">> {
    const { properties, numbers } = await this.#chosen(projectId);
    const { rows } = await this.#postgres.query<{ hash: string } & DimensionDays>(
      `SELECT hash, days_kept::int, days_refused::int AS days_from_rows, days_behind::int, error
       FROM selectors JOIN selector_uses ON selector_id = id
       WHERE project_id = $1 AND origin = $2 AND NOT removed`,
      [projectId, origin],
    );
    const byHash = new Map(rows.map(({ hash, ...days }) => [hash, days]));
    const daysOf = (definition: Omit<SelectorDefinition, "event" | "filters">): DimensionDays =>
      byHash.get(hashSelector({ event: null, filters: [], ...definition })) ?? nothingYet;
    return {
      properties: properties.map(({ property, valuesMax }) => ({
        property,
        values_max: valuesMax,
        ...daysOf({ breakdown: property }),
      })),
      numbers: numbers.map((property) => ({ property, ...daysOf({ number: property }) })),
    };
  }

  async #chosen(projectId: number): Promise<Chosen> {
    const { rows } = await this.#postgres.query<{
      property: string;
      kind: "value" | "number";
      values_max: number | null;
    }>("SELECT property, kind, values_max FROM dimensions WHERE project_id = $1 ORDER BY property", [
      projectId,
    ]);
    return {
      properties: rows
        .filter(({ kind }) => kind === "value")
        .map((row) => ({ property: row.property, valuesMax: row.values_max ?? selectorLimits.valuesMax })),
      numbers: rows.filter(({ kind }) => kind === "number").map(({ property }) => property),
    };
  }
}

const nothingYet: DimensionDays = { days_kept: 0, days_from_rows: 0, days_behind: 0, error: null };
