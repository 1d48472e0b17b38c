// The service `dimensions`: chooses, shows and gives up the properties whose values a project wants kept.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { compileBody, invalidBody } from "#schemas/operations/read-body.ts";
import { DimensionsShape } from "#schemas/selectors/dimensions.ts";
import { serve } from "#streams/services.ts";
import type { DimensionStore } from "./dimension-store.ts";

const readShape = compileBody(DimensionsShape);

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
  const shape = readShape(payload);
  const names = shape.properties.map(({ property }) => property);
  const repeated = names.findIndex((name, index) => names.indexOf(name) < index);
  if (repeated >= 0) {
    throw invalidBody([{ path: `properties[${repeated}].property`, message: "is there twice" }]);
  }
  return shape;
}
