// The service `dimensions`: chooses, shows and gives up the properties whose values a project wants kept.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { compileCheck, type FieldProblem } from "#schemas/query/check.ts";
import { DimensionsShape } from "#schemas/selectors/dimensions.ts";
import { serve } from "#streams/services.ts";
import type { DimensionStore } from "./dimension-store.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const check = compileCheck(DimensionsShape);

/** `onChange`: something else is wanted from now on. */
export function serveDimensions(options: {
  connection: NatsConnection;
  store: DimensionStore;
  onChange: () => void;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, store, onChange, log } = options;
  return serve(connection, {
    service: "dimensions",
    log,
    methods: {
      replace: async (payload, call) => {
        await store.replace(call.projectId, readDimensions(payload));
        onChange();
        return store.find(call.projectId);
      },
      get: (_payload, call) => store.find(call.projectId),
      delete: async (_payload, call) => {
        await store.replace(call.projectId, { properties: [] });
        onChange();
        return { deleted: true };
      },
    },
  });
}

/** Throws MALFORMED_JSON, INVALID_ENCODING, or INVALID_BODY that names the field. */
export function readDimensions(payload: Uint8Array): DimensionsShape {
  const shape = checkShape(parse(payload));
  const names = shape.properties.map(({ property }) => property);
  const repeated = names.findIndex((name, index) => names.indexOf(name) < index);
  if (repeated >= 0) {
    throw invalidBody([{ path: `properties[${repeated}].property`, message: "is there twice" }]);
  }
  return shape;
}

function checkShape(value: unknown): DimensionsShape {
  try {
    return check(value);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    throw invalidBody(error.details as readonly FieldProblem[]);
  }
}

function invalidBody(problems: readonly FieldProblem[]): MillraceError {
  const first = problems[0] as FieldProblem;
  const where = first.path === "" ? "" : `\`${first.path}\`: `;
  return new MillraceError("INVALID_BODY", {
    message: `The body does not have the expected shape: ${where}${first.message}.`,
    details: problems,
  });
}

function parse(payload: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(payload);
  } catch (error) {
    throw new MillraceError("INVALID_ENCODING", { cause: error });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new MillraceError("MALFORMED_JSON", {
      message: `The body is not valid JSON: ${error instanceof Error ? error.message : "unknown"}`,
      cause: error,
    });
  }
}
